"""Reads deals and single activities from HubSpot and stores them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dealcache.hubspot.client import BATCH_SIZE
from dealcache.hubspot.errors import HubSpotError
from dealcache.model.batches import batches_of
from dealcache.model.deals import Deal, Event
from dealcache.sync.context import SyncContext


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """The deals of a batch that HubSpot has, the ids of those never read completely before, and of those refused.

    A deal that HubSpot refuses to return stays as it is stored, and so do those whose reading ``failed`` altogether.
    ``read_at`` is the time just before they were read.
    """

    deals: list[Deal]
    incomplete: frozenset[str]
    refused: frozenset[str]
    read_at: datetime
    failed: frozenset[str] = frozenset()


class DealSync:
    """Stores deals without their activities, and single activities. Thread-safe."""

    def __init__(self, context: SyncContext) -> None:
        self._context = context

    def store_batch(self, ids: Sequence[str]) -> StoredBatch:
        """Read and store the deals with these ids, at most 100, and mark those that HubSpot no longer has.

        A search index that is behind still shows deals that were archived or merged since; reading by id shows the
        truth.
        """
        read_at = self._context.now()
        read = self._context.hubspot.read_deals(ids)
        self.store(read.records, read_at)
        alive = {deal.deal_id for deal in read.records}
        gone = [one for one in ids if one not in alive and one not in read.refused]
        if gone:
            self._context.progress.changed(self._context.deals.mark_archived(gone, read_at))
        if read.refused:
            self._context.missing_types.note_missed(read.refused, read_at)
        if self._context.people is not None:
            self._context.people.update("deals", alive)
        return StoredBatch(read.records, self.never_read(alive), read.refused, read_at)

    def store_all(self, ids: Iterable[str]) -> StoredBatch:
        """Do what :meth:`store_batch` does for any number of deals; where HubSpot refuses the type, go on without."""
        read_at, stored, failed = self._context.now(), list[StoredBatch](), set[str]()
        for some in batches_of(ids, BATCH_SIZE):
            try:
                stored.append(self.store_batch(some))
            except HubSpotError as failure:
                self._context.refused_types.note("deals", failure)
                failed.update(some)
        return StoredBatch(
            [deal for batch in stored for deal in batch.deals],
            frozenset(one for batch in stored for one in batch.incomplete),
            frozenset(one for batch in stored for one in batch.refused),
            read_at,
            frozenset(failed),
        )

    def never_read(self, deal_ids: Collection[str]) -> frozenset[str]:
        """Return those of these deals that must be read whole, because their activities were never read."""
        known = self._context.deals.stored(deal_ids)
        never = {one for one in deal_ids if one not in known or known[one].timeline_synced_at is None}
        return frozenset(never - self._context.missing_types.partly_synced(never) if never else ())

    def store(self, deals: Sequence[Deal], read_at: datetime) -> None:
        """Store deals as they were just after ``read_at``."""
        changes = self._context.deals.store(deals, read_at)
        for deal in deals:
            if deal.merged_ids:
                # It takes over the events of the others, with everything that other programs wrote to them.
                changes.add(self._context.timelines.adopt(deal.deal_id, deal.merged_ids))
        self._context.progress.deals_written(len(deals))
        self._context.progress.changed(changes)

    def store_activities(
        self, kind: str, events: Sequence[Event], read_at: datetime, gone: Iterable[str] = ()
    ) -> set[str]:
        """Store changed activities of one type, at most 1,000, in every deal that has them now, and in no other.

        Args:
            kind: the type.
            events: the activities as they are now.
            read_at: the time just before they were read.
            gone: ids of activities that HubSpot no longer has.

        Returns:
            The ids of deals that have such an activity and were unknown to MongoDB; they must be read whole.
        """
        if gone:
            self._context.progress.changed(self._context.timelines.remove_engagements(kind, list(gone), read_at))
        if not events:
            return set()
        current, unknown = self._context.hubspot.deals_of(kind, [event.engagement_id for event in events])
        if unknown:  # such an activity stays in the deals that have it in MongoDB
            stored = self._context.timelines.deals_of(kind, unknown)
            current |= {one: stored.get(one, set()) for one in unknown}
        deal_ids = set().union(*current.values())
        # This comes first: known deals may have been merged into one of these, which then inherits their events.
        new = self.store_all(sorted(deal_ids - self._context.deals.stored(deal_ids).keys()))
        self._remove_lost(kind, current, read_at)
        items = [(deal_id, event) for event in events for deal_id in current[event.engagement_id] - new.failed]
        self._context.progress.activities_written(len(items))
        self._context.progress.changed(self._context.timelines.write(items, read_at))
        if self._context.people is not None:
            self._context.people.update(kind, current.keys())
        return {*new.incomplete, *new.failed}

    def _remove_lost(self, kind: str, current: Mapping[str, set[str]], read_at: datetime) -> None:
        stored = self._context.timelines.deals_of(kind, current.keys())
        lost = [(deal_id, kind, one) for one, deals in stored.items() for deal_id in deals - current[one]]
        if lost:
            self._context.progress.changed(self._context.timelines.remove(lost, read_at))
