"""Reads views from MongoDB, each asking only for what it needs: a count never reads bodies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dealcache.deal_choice import choose_deal
from dealcache.deals import Deal, DealKey
from dealcache.reader import views
from dealcache.reader.entries import EntryMaker
from dealcache.repositories import DealInfoRepository, DealTimelineRepository, StoredDeal
from dealcache.tiers import Entry, View


class TimelineNotSyncedError(Exception):
    """MongoDB knows the deal, but its activities have never been fetched: not the same as having none."""

    def __init__(self, deal: StoredDeal) -> None:
        super().__init__(f"the activities of deal {deal.deal.deal_id} have not been read from HubSpot yet")


class MongoSource:
    """The MongoDB tier of the read path.

    Args:
        deals: the deals.
        timelines: their events.
        maker: makes the entries.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        deals: DealInfoRepository,
        timelines: DealTimelineRepository,
        maker: EntryMaker,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deals = deals
        self._timelines = timelines
        self._maker = maker
        self._clock = clock

    def candidates(self, key: DealKey) -> Sequence[StoredDeal]:
        """All deals that MongoDB knows under ``key``.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        return self._deals.find(key)

    def read(self, view: View, key: DealKey) -> Entry | None:
        """One view of a deal, or None when MongoDB knows no such deal.

        Raises:
            TimelineNotSyncedError: it knows the deal, but not its activities.
            StoreUnavailable: MongoDB does not answer.
        """
        fetched_at = self._clock()
        found = self._deals.find(key)
        stored, others = _chosen(found, key)
        if stored is None:
            return None
        if stored.timeline_synced_at is None:
            raise TimelineNotSyncedError(stored)
        return self._maker.found(self._view(view, stored.deal, key, others), stored.deal, fetched_at)

    def _view(self, view: View, deal: Deal, key: DealKey, others: Sequence[Deal]) -> Mapping[str, Any]:
        if view is View.TIMELINE:
            return views.timeline(deal, self._timelines.events(deal.deal_id), self._maker.zone)
        if view is View.ACTIVITIES_COUNT:
            return views.activities_count(self._timelines.counts_by_type(deal.deal_id))
        if key.by == "id":
            named_alike = self._deals.find(DealKey("name", deal.deal_name))
            others = [other.deal for other in named_alike if other.deal.deal_id != deal.deal_id]
        other_ids = [other.deal_id for other in others]
        return views.info(deal, self._timelines.extent(deal.deal_id), other_ids, self._maker.zone)


def _chosen(found: Sequence[StoredDeal], key: DealKey) -> tuple[StoredDeal | None, Sequence[Deal]]:
    """Which of the stored deals is meant, and the others of its name as far as they are known."""
    if key.by == "id":
        return (found[0] if found else None), ()
    choice = choose_deal(key.value, [stored.deal for stored in found])
    if choice is None:
        return None, ()
    deal, others = choice
    return next(stored for stored in found if stored.deal is deal), others
