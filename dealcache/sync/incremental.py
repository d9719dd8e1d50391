"""Syncs of the changes in a window of time: those that HubSpot's search finds, and those that it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from dealcache.hubspot.client import MOST_ASSOCIATION_INPUTS
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.search_limits import SEARCH_PAGE
from dealcache.model.deals import ENGAGEMENT_TYPES, RECORD_TYPES, Event
from dealcache.sync.changed_deals import ChangedDeals
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_sync import DealSync
from dealcache.sync.hubspot_reader import Found
from dealcache.sync.job_lease import JobLease
from dealcache.sync.search_filters import Window, modified_in


class WindowSync:
    """Brings everything that was modified in a window of time up to date.

    The search only tells which records changed. Deals are then read by id, because the index may be behind; and the
    associations of everything that changed are read, because no search returns them. The checkpoint is the last id of
    each type up to which everything is stored. A type that HubSpot refuses does not hold up the others.

    Args:
        context: the job's parts.
        lease: keeps the checkpoint.
        windows: for each type of records, when they were modified.
    """

    def __init__(self, context: SyncContext, lease: JobLease, windows: Mapping[str, Window]) -> None:
        self._context = context
        self._lease = lease
        self._groups = {kind: modified_in(window) for kind, window in windows.items()}
        self._records = DealSync(context)
        noted = lease.checkpoint
        self._last: dict[str, str | None] = dict(noted.get("last", {}))
        self._done: list[str] = list(noted.get("done", ()))
        self._unknown_deals: list[str] = noted.get("unknown_deals", [])

    def sync(self) -> frozenset[str]:
        """Sync from the checkpoint on, and return the types of which everything is stored."""
        self._context.progress.phase("changed deals")
        if "deals" not in self._done:
            self._sync_deals(self._last.get("deals"))
        self._context.progress.phase("changed activities")
        for kind in ENGAGEMENT_TYPES:
            if kind not in self._done:
                self._search_on(kind, self._last.get(kind), self._context.now())
        self._context.pool.wait_all()
        changed = ChangedDeals(self._context)
        changed.add(self._unknown_deals)
        changed.finish()
        # Deals that are found only by their activities would not be found again.
        return frozenset(self._done) & ({"deals"} if changed.failed else {*RECORD_TYPES})

    def _sync_deals(self, last_id: str | None) -> None:
        more = True
        while more:
            changed = ChangedDeals(self._context)
            for _ in range(MOST_ASSOCIATION_INPUTS // SEARCH_PAGE):
                search = partial(self._context.hubspot.search_ids, "deals", self._groups["deals"], last_id)
                try:
                    found = self._context.pool.call(search)
                except HubSpotError as failure:
                    self._context.refused_types.note_search("deals", failure)
                    changed.finish()
                    return
                changed.add(found.ids)
                last_id, more = found.last_id, found.more
                if not more:
                    break
            changed.finish()
            if changed.failed:
                return
            self._note("deals", last_id, more)

    def _search_on(self, kind: str, last_id: str | None, read_at: datetime, before: Sequence[Event] = ()) -> None:
        """Search for activities beyond ``last_id``, and store them with those ``before``, read since ``read_at``."""
        search = partial(self._context.hubspot.search_activities, kind, self._groups[kind], last_id)
        take = partial(self._take, kind, read_at, before)
        self._context.pool.submit(search, take, partial(self._context.refused_types.note_search, kind))

    def _take(self, kind: str, read_at: datetime, before: Sequence[Event], found: Found) -> None:
        events = [*before, *found.events]
        if found.more and len(events) + SEARCH_PAGE <= MOST_ASSOCIATION_INPUTS:
            self._search_on(kind, found.last_id, read_at, events)
            return
        store = partial(self._records.store_activities, kind, events, read_at)
        stored = partial(self._stored, kind, found.last_id, found.more)
        self._context.pool.submit(store, stored, partial(self._context.refused_types.note_search, kind))

    def _stored(self, kind: str, last_id: str | None, more: bool, unknown_deals: Iterable[str]) -> None:
        self._unknown_deals = sorted({*self._unknown_deals, *unknown_deals})
        self._note(kind, last_id, more)
        if more:
            self._search_on(kind, last_id, self._context.now())

    def _note(self, kind: str, last_id: str | None, more: bool) -> None:
        self._last = {**self._last, kind: last_id}
        if not more:
            self._done = [*self._done, kind]
        self._lease.note({"last": self._last, "done": self._done, "unknown_deals": self._unknown_deals})
