"""Activities that changed: their events in all deals that have them, and in those that had them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from dealcache.deals import Event
from dealcache.hubspot import BATCH_SIZE, MalformedAnswer, batches_of
from dealcache.sync.deal_work import DealWork
from dealcache.sync.desk import Desk


class ActivityUpdates:
    """Stores single activities; its methods run in any thread of the crew.

    Args:
        desk: the job's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._deals = DealWork(desk)

    def store(
        self, engagement_type: str, events: Sequence[Event], read_at: datetime, gone: Iterable[str] = ()
    ) -> set[str]:
        """Store changed activities of one type, at most 1,000, in every deal that has them now, and in no other.

        Args:
            engagement_type: HubSpot's object name.
            events: what they are now.
            read_at: the time just before they were read.
            gone: ids of activities that HubSpot has no longer.

        Returns:
            The ids of deals that have such an activity and were not known to MongoDB: they are to be read whole.
        """
        if gone:
            removed = self._desk.timelines.remove_engagements(engagement_type, list(gone), read_at)
            self._desk.ledger.changed(removed)
        if not events:
            return set()
        current = self._deals_now(engagement_type, [event.engagement_id for event in events])
        incomplete = self._learn_of({deal_id for deals in current.values() for deal_id in deals})
        self._remove_lost(engagement_type, current, read_at)
        items = [(deal_id, event) for event in events for deal_id in current[event.engagement_id]]
        self._desk.ledger.activities_written(len(items))
        self._desk.ledger.changed(self._desk.timelines.write(items, read_at))
        return incomplete

    def _learn_of(self, deal_ids: set[str]) -> set[str]:
        """Read the deals that MongoDB does not know, and return which must be read whole.

        First of all, because one of them may be what known deals were merged into, and inherits their events.
        """
        unknown = sorted(deal_ids - self._desk.deals.stored(deal_ids).keys())
        return {one for ids in batches_of(unknown, BATCH_SIZE) for one in self._deals.read_batch(ids).incomplete}

    def _remove_lost(self, engagement_type: str, current: Mapping[str, set[str]], read_at: datetime) -> None:
        stored = self._desk.timelines.deals_of(engagement_type, current.keys())
        lost = [(deal_id, engagement_type, one) for one, deals in stored.items() for deal_id in deals - current[one]]
        if lost:
            self._desk.ledger.changed(self._desk.timelines.remove(lost, read_at))

    def _deals_now(self, engagement_type: str, ids: Iterable[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {one: set() for one in ids}
        pending: Mapping[str, str | None] = dict.fromkeys(found)
        cursors: set[tuple[str, str]] = set()
        while pending:
            page = self._desk.source.deals_of(engagement_type, pending)
            for one, deal_ids in page.ids.items():
                if one in found:
                    found[one].update(deal_ids)
            if cursors & page.after.items():
                raise MalformedAnswer("the pages of the associations run in a circle")
            cursors.update(page.after.items())
            pending = page.after
        return found
