"""Reads views from MongoDB; each reads only what it needs: a count never reads bodies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import NamedTuple

from dealcache.model.deals import Deal, DealKey, Event, choose_deal, name_key
from dealcache.model.labels import Labels
from dealcache.model.people import DealPeople, Participants
from dealcache.reader import views
from dealcache.reader.answers import Loaded
from dealcache.reader.entries import EntryMaker
from dealcache.reader.people import PeopleDirectory
from dealcache.repositories import DealInfoRepository, DealTimelineRepository, StoredDeal, Totals
from dealcache.tiers import Entry, View

_NO_EVENTS = Totals({})

#: What MongoDB has of a deal: its wanted views; if its activities were never fetched, the ids of all deals of its name,
#: its own first; or why it cannot be shown.
StoredViews = Loaded | tuple[str, ...] | Exception

#: What to read of a deal's activities: their number, or all of them.
_Activities = Totals | Sequence[Event]


class TimelineNotSyncedError(Exception):
    """MongoDB knows the deal, but its activities were never fetched, which is not the same as having none."""

    def __init__(self, deal_id: str) -> None:
        super().__init__(f"the activities of deal {deal_id} have not been read from HubSpot yet")


class _Wanted(NamedTuple):
    """The deal that a key means, the ids of the others of its name, the wanted views, how old it is, and its people."""

    key: DealKey
    deal: Deal
    other_ids: list[str]
    views: Collection[View]
    as_of: datetime | None
    participants: Participants


class MongoSource:
    """The MongoDB tier of the read path.

    Args:
        deals: the deals.
        timelines: their events.
        maker: makes the entries.
        clock: the wall clock, epoch seconds.
        sync_watermark: returns the watermark of the syncs as it was before the call.
        people: names the people that take part; None for no names.
    """

    def __init__(
        self,
        deals: DealInfoRepository,
        timelines: DealTimelineRepository,
        maker: EntryMaker,
        clock: Callable[[], float],
        sync_watermark: Callable[[], datetime | None],
        people: PeopleDirectory | None,
    ) -> None:
        self._people = people
        self._sync_watermark = sync_watermark
        self._deals = deals
        self._timelines = timelines
        self._maker = maker
        self._clock = clock

    def known_ids(self, key: DealKey) -> tuple[str, ...]:
        """Return the ids of all deals that MongoDB knows under ``key``.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        return tuple(stored.deal.deal_id for stored in self._deals.find(key))

    def find_one(self, key: DealKey) -> tuple[StoredDeal, datetime | None] | None:
        """Return the deal that a key means, and the moment up to which HubSpot's changes are known to be in it.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        watermark, now = self._sync_watermark(), datetime.fromtimestamp(self._clock(), UTC)
        stored, _ = _choose(self._deals.find(key), key)
        return None if stored is None else (stored, stored.as_of(watermark, now))

    def read(self, view: View, key: DealKey) -> Entry | None:
        """Return one view of a deal; None if MongoDB knows no such deal.

        Raises:
            TimelineNotSyncedError: it knows the deal, but not its activities.
            StoreUnavailable: MongoDB does not answer.
        """
        stored = self.read_many({key: (view,)}).get(key)
        if isinstance(stored, Exception):
            raise stored
        if isinstance(stored, tuple):
            raise TimelineNotSyncedError(stored[0])
        return stored[view] if stored else None

    def read_many(self, wanted: Mapping[DealKey, Collection[View]]) -> dict[DealKey, StoredViews]:
        """Read what MongoDB knows of many deals: one query for all names, one for counts, one for whole timelines.

        Args:
            wanted: the deals, each with the views that are wanted.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        fetched_at = self._clock()
        # First: deals read after it contain all changes up to it.
        watermark, now = self._sync_watermark(), datetime.fromtimestamp(fetched_at, UTC)
        read: dict[DealKey, StoredViews] = {}
        chosen: list[_Wanted] = []
        for key, candidates in self._find(wanted).items():
            stored, others = _choose(candidates, key)
            if stored is None:
                continue
            if stored.timeline_synced_at is None:
                read[key] = (stored.deal.deal_id, *others)
                continue
            if key.by == "id" and View.INFO in wanted[key]:
                named_alike = self.known_ids(DealKey("name", stored.deal.deal_name))
                others = [other for other in named_alike if other != stored.deal.deal_id]
            as_of = stored.as_of(watermark, now)
            chosen.append(_Wanted(key, stored.deal, others, wanted[key], as_of, stored.participants))
        # Only once there is a deal: labels read while another process still loads them would soon be out of date.
        labels = self._maker.labels.current() if chosen else Labels()
        for one, found in chain(self._with_totals(chosen), self._with_events(chosen)):
            people = None
            if self._people is not None and not isinstance(found, Totals):
                people = self._people.of(one.participants, found)
            try:
                read[one.key] = {view: self._entry(view, one, found, labels, fetched_at, people) for view in one.views}
            except Exception as error:  # noqa: BLE001 - the boundary around a record: this deal alone is left out
                self._maker.unreadable.note("deals", one.deal.deal_id, f"it cannot be shown ({type(error).__name__})")
                read[one.key] = error
        return read

    def _find(self, keys: Collection[DealKey]) -> dict[DealKey, list[StoredDeal]]:
        names = {key.value for key in keys if key.by == "name"}
        named = self._deals.find_named(names) if names else {}
        return {key: self._deals.find(key) if key.by == "id" else named.get(name_key(key.value), []) for key in keys}

    def _with_totals(self, chosen: Collection[_Wanted]) -> Iterator[tuple[_Wanted, _Activities]]:
        """Count the events of the deals whose timelines are not wanted."""
        counted = [one for one in chosen if View.TIMELINE not in one.views]
        totals = self._timelines.totals({one.deal.deal_id for one in counted}) if counted else {}
        for one in counted:
            yield one, totals.get(one.deal.deal_id, _NO_EVENTS)

    def _with_events(self, chosen: Collection[_Wanted]) -> Iterator[tuple[_Wanted, _Activities]]:
        """Read the events of the deals whose timelines are wanted; every other view follows from them."""
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
                yield one, events

    def _entry(
        self,
        view: View,
        one: _Wanted,
        found: _Activities,
        labels: Labels,
        fetched_at: float,
        people: DealPeople | None,
    ) -> Entry:
        unknown = views.unknown_ids(view, one.deal, found, labels)
        if unknown:
            labels = self._maker.labels.completed(labels)
            unknown = labels.still_unknown(unknown)
        zone, own = self._maker.zone, self._maker.own_properties
        shown = views.view_of(view, one.deal, found, one.other_ids, zone, labels, own, people)
        return self._maker.found(shown, one.deal, fetched_at, labels, unknown, one.as_of)


def _choose(found: Sequence[StoredDeal], key: DealKey) -> tuple[StoredDeal | None, list[str]]:
    """Return the stored deal that is meant, and the ids of the others of its name as far as they are known."""
    if key.by == "id":
        return (found[0] if found else None), []
    choice = choose_deal(key.value, [stored.deal for stored in found])
    if choice is None:
        return None, []
    deal, others = choice
    return next(stored for stored in found if stored.deal is deal), [other.deal_id for other in others]
