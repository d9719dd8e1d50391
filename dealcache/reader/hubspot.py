"""Loads a deal from HubSpot, writes it to MongoDB, and makes its three views."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dealcache.changes import Changes
from dealcache.deadline import Deadline
from dealcache.deals import DealKey, LoadedDeal
from dealcache.hubspot import DealLoader, NotFound
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


class HubSpotSource:
    """The last tier of the read path.

    Args:
        loader: loads a deal with all its activities.
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
        try:
            loaded = self._loader.load(key, deadline or Deadline(self._deadline_seconds), known_ids=known_ids)
        except NotFound as gone:
            return self._without(gone, self._unknown(key, fetched_at))
        return self._saved(loaded)

    def unknown(self, key: DealKey) -> Loaded:
        """What is said of a deal of which another process has just found that HubSpot does not know it."""
        return self._unknown(key, self._clock())

    def _unknown(self, key: DealKey, fetched_at: float) -> Loaded:
        return dict.fromkeys(View, self._maker.unknown(key, fetched_at))

    def _saved(self, loaded: LoadedDeal) -> HubSpotLoad:
        """``loaded``, in MongoDB, with what other systems have written to its stored events."""
        try:
            changes = self._store.save(loaded)
            foreign = self._store.foreign_fields(loaded.deal.deal_id)
        except StoreError as error:
            log.warning("deal %s was read from HubSpot but not stored: %s", loaded.deal.deal_id, error)
            return HubSpotLoad(self._maker.all_views(loaded), stored=False)
        if foreign:
            events = tuple(
                replace(event, extra=foreign.get((event.engagement_type, event.engagement_id), event.extra))
                for event in loaded.events
            )
            loaded = replace(loaded, events=events)
        return HubSpotLoad(self._maker.all_views(loaded), changes)

    def _without(self, gone: NotFound, views: Loaded) -> HubSpotLoad:
        """Keep MongoDB from serving deals that HubSpot has no longer, or has under another name."""
        if not (gone.missing_ids or gone.renamed):
            return HubSpotLoad(views)
        now = datetime.fromtimestamp(self._clock(), UTC)
        try:
            return HubSpotLoad(views, self._store.note_gone(gone.missing_ids, gone.renamed, now))
        except StoreError as error:
            log.warning("deals %s are gone from HubSpot but not marked: %s", gone.missing_ids, error)
            return HubSpotLoad(views, stored=False)
