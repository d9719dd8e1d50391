"""Loads deals from HubSpot, writes them to MongoDB, and makes their three views."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dealcache.changes import Changes
from dealcache.deadline import Deadline
from dealcache.deals import DealKey, LoadedDeal
from dealcache.hubspot import DealLoader, HubSpotError, NotFound
from dealcache.reader.entries import EntryMaker
from dealcache.reader.state import Loaded
from dealcache.repositories import DealStore, StoreError
from dealcache.tiers import View

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubSpotLoad:
    """What one load brought: a deal's views, and what storing it changed.

    Args:
        views: an entry for each view; their status is 404 when HubSpot knows no such deal.
        changes: the deals whose stored views are seen to have changed.
        stored: False when storing failed, so that nobody knows which part of it is stored.
    """

    views: Loaded
    changes: Changes = field(default_factory=Changes)
    stored: bool = True


@dataclass(frozen=True, slots=True)
class HubSpotBatch:
    """What one load of many names brought, and what storing it changed.

    Args:
        views: for each name that could be loaded an entry for each view.
        failures: why the others could not.
        changes: as for :class:`HubSpotLoad`.
        stored: as for :class:`HubSpotLoad`.
    """

    views: dict[DealKey, Loaded]
    failures: dict[DealKey, HubSpotError]
    changes: Changes
    stored: bool


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

    def load(self, key: DealKey, known_ids: Sequence[str] = (), deadline: Deadline | None = None) -> HubSpotLoad:
        """All three views of the deal, written to MongoDB before they count as read.

        Args:
            key: which deal.
            known_ids: ids that MongoDB knows under this name. Search lags behind new names and never finds archived
                deals, so they are asked for by id before the deal is called unknown.
            deadline: until when the caller can wait; None for as long as a load takes at most.

        Raises:
            HubSpotError: HubSpot refused, failed or did not answer in time.
        """
        fetched_at = self._clock()
        outcome: LoadedDeal | NotFound
        try:
            outcome = self._loader.load(key, deadline or Deadline(self._deadline_seconds), known_ids=known_ids)
        except NotFound as gone:
            outcome = gone
        views, changes, stored = self._brought({key: outcome}, fetched_at)
        return HubSpotLoad(views[key], changes, stored)

    def unknown(self, key: DealKey) -> Loaded:
        """What is said of a deal of which another process has just found that HubSpot does not know it."""
        return self._unknown(key, self._clock())

    def _unknown(self, key: DealKey, fetched_at: float) -> Loaded:
        return dict.fromkeys(View, self._maker.unknown(key, fetched_at))

    def load_many(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], deadline: Deadline
    ) -> HubSpotBatch:
        """Do for many names together what :meth:`load` does for one.

        Args:
            keys: names, each once.
            known_ids: for some of them, ids that MongoDB knows under this name.
            deadline: until when the caller can wait.
        """
        fetched_at = self._clock()
        known: dict[DealKey, LoadedDeal | NotFound] = {}
        failures: dict[DealKey, HubSpotError] = {}
        for key, outcome in self._loader.load_many(keys, deadline, known_ids=known_ids).items():
            if isinstance(outcome, LoadedDeal | NotFound):
                known[key] = outcome
            else:
                failures[key] = outcome
        views, changes, stored = self._brought(known, fetched_at)
        return HubSpotBatch(views, failures, changes, stored)

    def _brought(
        self, outcomes: Mapping[DealKey, LoadedDeal | NotFound], fetched_at: float
    ) -> tuple[dict[DealKey, Loaded], Changes, bool]:
        """Store what loads brought; the views for each key, what that changed, and whether all could be stored."""
        gone = {key: outcome for key, outcome in outcomes.items() if isinstance(outcome, NotFound)}
        found = {key: outcome for key, outcome in outcomes.items() if isinstance(outcome, LoadedDeal)}
        loads = {loaded.deal.deal_id: loaded for loaded in found.values()}
        changes = Changes()
        stored = self._note_gone(list(gone.values()), changes)
        stored = self._save(loads, changes) and stored
        views = {deal_id: self._maker.all_views(loaded) for deal_id, loaded in loads.items()}
        shown: dict[DealKey, Loaded] = {key: self._unknown(key, fetched_at) for key in gone}
        shown |= {key: views[loaded.deal.deal_id] for key, loaded in found.items()}
        return shown, changes, stored

    def _save(self, loads: dict[str, LoadedDeal], changes: Changes) -> bool:
        """Write loads to MongoDB, and take from there what other systems have written to their events.

        Args:
            loads: by deal id.
            changes: what changed is added.

        Returns:
            Whether all could be written.
        """
        if not loads:
            return True
        try:
            changes.add(self._store.save_many(list(loads.values())))
            foreign = self._store.foreign_fields(loads)
        except StoreError as error:
            log.warning("deals %s were read from HubSpot but not stored: %s", ", ".join(loads), error)
            return False
        for deal_id, fields in foreign.items():
            loads[deal_id] = _with_foreign_fields(loads[deal_id], fields)
        return True

    def _note_gone(self, unknown: Sequence[NotFound], changes: Changes) -> bool:
        """Keep MongoDB from serving deals that HubSpot has no longer, or has under another name; see :meth:`_save`."""
        missing_ids = {deal_id for gone in unknown for deal_id in gone.missing_ids}
        renamed = {deal.deal_id: deal for gone in unknown for deal in gone.renamed}
        if not (missing_ids or renamed):
            return True
        now = datetime.fromtimestamp(self._clock(), UTC)
        try:
            changes.add(self._store.note_gone(missing_ids, renamed.values(), now))
        except StoreError as error:
            log.warning("deals %s are gone from HubSpot but not marked: %s", ", ".join(sorted(missing_ids)), error)
            return False
        return True


def _with_foreign_fields(loaded: LoadedDeal, foreign: Mapping[tuple[str, str], Mapping[str, Any]]) -> LoadedDeal:
    events = tuple(
        replace(event, extra=foreign.get((event.engagement_type, event.engagement_id), event.extra))
        for event in loaded.events
    )
    return replace(loaded, events=events)
