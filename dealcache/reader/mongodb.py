"""Reads views from MongoDB, each asking only for what it needs: a count never reads bodies."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

from dealcache.deal_choice import choose_deal
from dealcache.deals import Deal, DealKey, name_key
from dealcache.reader import views
from dealcache.reader.entries import EntryMaker
from dealcache.repositories import DealInfoRepository, DealTimelineRepository, StoredDeal, Totals
from dealcache.tiers import Entry, View

Views = dict[View, Mapping[str, Any]]

_NO_EVENTS = Totals({})


class TimelineNotSyncedError(Exception):
    """MongoDB knows the deal, but its activities have never been fetched: not the same as having none."""

    def __init__(self, deal: StoredDeal) -> None:
        super().__init__(f"the activities of deal {deal.deal.deal_id} have not been read from HubSpot yet")


class StoredBatch(NamedTuple):
    """What MongoDB has to say about many names.

    ``entries`` are the wanted views of those whose deals it knows with their activities. ``unsynced`` are names of
    deals whose activities have never been fetched, each with the ids of all deals that bear it.
    """

    entries: dict[DealKey, dict[View, Entry]]
    unsynced: dict[DealKey, tuple[str, ...]]


class _Wanted(NamedTuple):
    """The deal that a name means, the ids of the others of its name, and the views that are wanted."""

    key: DealKey
    deal: Deal
    other_ids: list[str]
    views: Collection[View]


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
        if view is View.INFO and key.by == "id":
            named_alike = self._deals.find(DealKey("name", deal.deal_name))
            others = [other.deal for other in named_alike if other.deal.deal_id != deal.deal_id]
        totals = self._timelines.totals([deal.deal_id]).get(deal.deal_id, _NO_EVENTS)
        return self._from_totals(view, deal, totals, [other.deal_id for other in others])

    def _from_totals(self, view: View, deal: Deal, totals: Totals, other_ids: Iterable[str]) -> Mapping[str, Any]:
        if view is View.ACTIVITIES_COUNT:
            return views.activities_count(totals.by_type)
        return views.info(deal, (totals.events, totals.first, totals.last), other_ids, self._maker.zone)

    def read_many(self, wanted: Mapping[DealKey, Collection[View]]) -> StoredBatch:
        """Views of many deals, by one query for the deals, one for what is counted and one for whole timelines.

        Args:
            wanted: names, each with the views that are wanted.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        fetched_at = self._clock()
        found = self._deals.find_named({name_key(key.value) for key in wanted})
        batch = StoredBatch({}, {})
        chosen: list[_Wanted] = []
        for key, wanted_views in wanted.items():
            candidates = found.get(name_key(key.value), [])
            stored, others = _chosen(candidates, key)
            if stored is not None and stored.timeline_synced_at is not None:
                chosen.append(_Wanted(key, stored.deal, [other.deal_id for other in others], wanted_views))
            elif candidates:
                batch.unsynced[key] = tuple(candidate.deal.deal_id for candidate in candidates)
        for one, made in chain(self._counted(chosen), self._listed(chosen)):
            batch.entries[one.key] = {
                view: self._maker.found(shown, one.deal, fetched_at) for view, shown in made.items()
            }
        return batch

    def _counted(self, chosen: Iterable[_Wanted]) -> Iterator[tuple[_Wanted, Views]]:
        """The views of those whose timelines are not wanted."""
        counted = [one for one in chosen if View.TIMELINE not in one.views]
        if not counted:
            return
        totals = self._timelines.totals({one.deal.deal_id for one in counted})
        for one in counted:
            of_deal = totals.get(one.deal.deal_id, _NO_EVENTS)
            yield one, {view: self._from_totals(view, one.deal, of_deal, one.other_ids) for view in one.views}

    def _listed(self, chosen: Iterable[_Wanted]) -> Iterator[tuple[_Wanted, Views]]:
        """The views of those whose timelines are wanted: their events tell everything else too."""
        waiting: dict[str, list[_Wanted]] = {}
        for one in chosen:
            if View.TIMELINE in one.views:
                waiting.setdefault(one.deal.deal_id, []).append(one)
        if not waiting:
            return
        ids = list(waiting)
        # Deals without events come last.
        for deal_id, events in chain(self._timelines.events_of(ids), zip(ids, repeat(()))):
            for one in waiting.pop(deal_id, ()):
                zone = self._maker.zone
                yield (
                    one,
                    {view: views.from_events(view, one.deal, events, one.other_ids, zone) for view in one.views},
                )


def _chosen(found: Sequence[StoredDeal], key: DealKey) -> tuple[StoredDeal | None, Sequence[Deal]]:
    """Which of the stored deals is meant, and the others of its name as far as they are known."""
    if key.by == "id":
        return (found[0] if found else None), ()
    choice = choose_deal(key.value, [stored.deal for stored in found])
    if choice is None:
        return None, ()
    deal, others = choice
    return next(stored for stored in found if stored.deal is deal), others
