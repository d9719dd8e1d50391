"""Loads deals from HubSpot, writes them to MongoDB, and makes their three views."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dealcache.deadline import Deadline
from dealcache.deals import DealKey, LoadedDeal
from dealcache.hubspot import DealLoader, HubSpotError, NotFound
from dealcache.reader.entries import EntryMaker
from dealcache.repositories import DealStore, StoreError
from dealcache.tiers import Entry, View

log = logging.getLogger(__name__)


class HubSpotSource:
    """The last tier of the read path.

    Args:
        loader: loads deals with all their activities.
        store: where what was loaded is kept; a failing write does not fail the read.
        maker: makes the entries.
        deadline_seconds: after how long a load gives up, all its calls and retries included.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        loader: DealLoader,
        store: DealStore,
        maker: EntryMaker,
        deadline_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._loader = loader
        self._store = store
        self._maker = maker
        self._deadline_seconds = deadline_seconds
        self._clock = clock

    def load(self, key: DealKey, known_ids: Sequence[str] = ()) -> dict[View, Entry]:
        """All three views of the deal, written to MongoDB before they count as read.

        Args:
            key: which deal.
            known_ids: ids that MongoDB knows under this name. Search lags behind new names and never finds archived
                deals, so they are asked for by id before the deal is called unknown.

        Returns:
            An entry for each view; their status is 404 when HubSpot knows no such deal.

        Raises:
            HubSpotError: HubSpot refused, failed or did not answer in time.
        """
        fetched_at = self._clock()
        try:
            loaded = self._loader.load(key, Deadline(self._deadline_seconds), known_ids=known_ids)
        except NotFound as gone:
            self._note_gone([gone])
            return self._unknown(key, fetched_at)
        return self._views([loaded])[loaded.deal.deal_id]

    def load_many(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]]
    ) -> dict[DealKey, dict[View, Entry] | HubSpotError]:
        """Do for many names together what :meth:`load` does for one.

        Args:
            keys: names, each once.
            known_ids: for some of them, ids that MongoDB knows under this name.

        Returns:
            For each name what :meth:`load` would have returned or raised.
        """
        fetched_at = self._clock()
        outcomes = self._loader.load_many(keys, Deadline(self._deadline_seconds), known_ids=known_ids)
        self._note_gone([one for one in outcomes.values() if isinstance(one, NotFound)])
        loads = {one.deal.deal_id: one for one in outcomes.values() if isinstance(one, LoadedDeal)}
        views = self._views(list(loads.values()))
        brought: dict[DealKey, dict[View, Entry] | HubSpotError] = {}
        for key, outcome in outcomes.items():
            match outcome:
                case LoadedDeal():
                    brought[key] = views[outcome.deal.deal_id]
                case NotFound():
                    brought[key] = self._unknown(key, fetched_at)
                case _:
                    brought[key] = outcome
        return brought

    def _unknown(self, key: DealKey, fetched_at: float) -> dict[View, Entry]:
        return dict.fromkeys(View, self._maker.unknown(key, fetched_at))

    def _views(self, loads: Sequence[LoadedDeal]) -> dict[str, dict[View, Entry]]:
        """The views of loaded deals, which are then in MongoDB, by deal id."""
        return {loaded.deal.deal_id: self._maker.all_views(loaded) for loaded in self._saved(loads)}

    def _saved(self, loads: Sequence[LoadedDeal]) -> Iterable[LoadedDeal]:
        """``loads``, in MongoDB, with what other systems have written to their stored events."""
        if not loads:
            return []
        ids = [loaded.deal.deal_id for loaded in loads]
        try:
            self._store.save_many(loads)
            foreign = self._store.foreign_fields(ids)
        except StoreError as error:
            log.warning("deals %s were read from HubSpot but not stored: %s", ", ".join(ids), error)
            return loads
        return [_with_foreign_fields(loaded, foreign.get(loaded.deal.deal_id, {})) for loaded in loads]

    def _note_gone(self, unknown: Sequence[NotFound]) -> None:
        """Keep MongoDB from serving deals that HubSpot has no longer, or has under another name."""
        missing_ids = {deal_id for gone in unknown for deal_id in gone.missing_ids}
        renamed = {deal.deal_id: deal for gone in unknown for deal in gone.renamed}
        if not (missing_ids or renamed):
            return
        now = datetime.fromtimestamp(self._clock(), UTC)
        try:
            self._store.note_gone(missing_ids, renamed.values(), now)
        except StoreError as error:
            log.warning("deals %s are gone from HubSpot but not marked: %s", ", ".join(sorted(missing_ids)), error)


def _with_foreign_fields(loaded: LoadedDeal, foreign: Mapping[tuple[str, str], Mapping[str, Any]]) -> LoadedDeal:
    if not foreign:
        return loaded
    events = tuple(
        replace(event, extra=foreign.get((event.engagement_type, event.engagement_id), event.extra))
        for event in loaded.events
    )
    return replace(loaded, events=events)
