"""The full load: everything that HubSpot has, from its lists, which unlike its search are always up to date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from dealcache.hubspot.client import LIST_PAGE, MOST_ASSOCIATION_INPUTS
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.repositories import Confirmed
from dealcache.sync.activity_loader import ActivityLoader
from dealcache.sync.changed_deals import backfill_missing_types
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_pages import DealPages
from dealcache.sync.job_lease import JobLease
from dealcache.sync.timeline_chunk import Chunk
from dealcache.sync.timeline_sync import TimelineSync


class FullLoad:
    """Stores all deals with all their activities, and at its end removes what HubSpot no longer has.

    Its checkpoint is the cursor of the list of deals after the last chunk that is completely stored.

    Args:
        context: the job's parts.
        lease: keeps the checkpoint.
        began_at: when the job began, before the first call of its first attempt.
        seen_since: activities that were stored since then are not read again.
    """

    def __init__(self, context: SyncContext, lease: JobLease, began_at: datetime, seen_since: datetime) -> None:
        self._context = context
        self._lease = lease
        self._began_at = began_at
        self._seen_since = seen_since

    def load(self) -> None:
        """Load everything, from the checkpoint on."""
        stored_before = self._context.deals.live_count()
        self._context.progress.phase("deals and their activities", stored_before or None)
        if not self._lease.checkpoint.get("listed"):
            self._context.progress.resume()
            self._load_all(self._lease.checkpoint.get("after"))
        backfill_missing_types(self._context)
        self._context.progress.phase("removed records")
        self._remove_unconfirmed()
        self._context.progress.changed(self._context.deals.archive_unseen(self._began_at))

    def _load_all(self, after: str | None) -> None:
        ids: list[str] = []
        read_at = self._context.now()
        pages = DealPages(self._context, after)
        is_first = self._context.timelines.is_empty()
        work = TimelineSync(self._context, self._seen_since, is_first=is_first)
        loader = ActivityLoader(self._context, self._chunk_closed, work)
        listed = self._context.progress.snapshot().deals_read
        while True:
            page = pages.next()
            # Pages are read ahead: the earliest of a chunk is the one after the last of the chunk before.
            read_at = min(read_at, page.read_at) if ids else page.read_at
            ids += [deal.deal_id for deal in page.deals]
            listed += len(page.deals)
            if page.after is None:
                break
            if len(ids) + LIST_PAGE > MOST_ASSOCIATION_INPUTS:  # another page might not fit
                self._add(loader, ids, read_at, page.after)
                ids = []
        self._context.progress.expect(listed)
        self._add(loader, ids, read_at, None)
        loader.finish()

    def _add(self, loader: ActivityLoader, ids: list[str], read_at: datetime, cursor: str | None) -> None:
        if ids:
            loader.begin(Chunk(tuple(ids), frozenset(ids), self._context.now(), cursor, as_of=read_at))
            loader.make_room()

    def _chunk_closed(self, chunk: Chunk) -> None:
        self._lease.note({"after": chunk.cursor, "listed": chunk.cursor is None})

    def _remove_unconfirmed(self) -> None:
        """Remove the events that deals had before they were read and no longer have."""
        for by_time in self._context.deals.synced_since(self._began_at, MOST_ASSOCIATION_INPUTS):
            for confirmed, ids in by_time.items():
                self._context.pool.submit(partial(self._sweep, ids, confirmed))
            self._context.pool.wait_for_room()
        self._context.pool.wait_all()

    def _sweep(self, deal_ids: Sequence[str], confirmed: Confirmed) -> None:
        """Remove them from some deals; archived deals keep their events in case they are restored."""
        types = [kind for kind in ENGAGEMENT_TYPES if kind not in confirmed.unread] if confirmed.unread else None
        # A date in the future confirms nothing: by comparison, what this load has just stored would be too old.
        since = confirmed.at if confirmed.at <= self._context.now() else self._began_at
        self._context.progress.changed(self._context.timelines.sweep(deal_ids, since, types))
