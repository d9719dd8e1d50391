"""Saving whole loads, against a real MongoDB."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from dealcache.model.deals import DealKey, LoadedDeal
from dealcache.model.invalidation import ACTIVITIES_COUNT, INFO, TIMELINE, Changes
from dealcache.repositories import (
    Connection,
    DealInfoRepository,
    DealStore,
    DealSummaries,
    DealTimelineRepository,
    ParticipantRepository,
    PeopleRepository,
    StoredDeal,
    StoreUnavailable,
)
from tests.unit.repositories.samples import NOON, a_deal, a_load, an_event, at


@pytest.fixture
def deals(connection: Connection) -> DealInfoRepository:
    return DealInfoRepository(connection)


@pytest.fixture
def timelines(connection: Connection) -> DealTimelineRepository:
    return DealTimelineRepository(connection)


def store_over(connection: Connection, deals: DealInfoRepository, timelines: DealTimelineRepository) -> DealStore:
    people = PeopleRepository(connection, ParticipantRepository(connection))
    return DealStore(deals, timelines, DealSummaries(connection), people)


@pytest.fixture
def store(connection: Connection, deals: DealInfoRepository, timelines: DealTimelineRepository) -> DealStore:
    return store_over(connection, deals, timelines)


def test_the_deal_its_homonyms_and_its_events_are_kept(store: Any, deals: Any, timelines: Any) -> None:
    namesake = a_deal("2")
    load = a_load(1, 2, homonyms=(namesake,), began=at(0.00001))
    store.save(load)
    assert sorted(deals.find(DealKey("name", "acme renewal")), key=lambda stored: stored.deal.deal_id) == [
        StoredDeal(load.deal, NOON, NOON),
        StoredDeal(namesake, None),
    ]
    assert tuple(timelines.events("1")) == load.events


def test_a_deal_without_events_is_known_to_have_none(store: Any, deals: Any, timelines: Any) -> None:
    store.save(a_load())
    assert deals.timelines_synced_at(["1"])["1"] == NOON
    assert timelines.totals(["1"]) == {}


def test_an_older_load_leaves_the_timeline_alone(store: Any, deals: Any, timelines: Any) -> None:
    store.save(a_load(1, 2, began=at(20)))
    store.save(a_load(1, 3, began=at(10)))
    assert [event.engagement_id for event in timelines.events("1")] == ["000000001", "000000002"]
    assert deals.timelines_synced_at(["1"])["1"] == at(20)


def test_an_older_load_does_not_even_touch_the_timeline(
    store: Any, deals: Any, timelines: Any, monkeypatch: Any
) -> None:
    store.save(a_load(1, began=at(20)))
    monkeypatch.setattr(timelines, "replace", lambda *_: pytest.fail("it would be seen until it is taken back"))
    store.save(a_load(2, began=at(10)))
    assert deals.timelines_synced_at(["1"])["1"] == at(20)


def test_a_save_that_breaks_off_is_not_taken_for_complete(
    store: DealStore, deals: Any, timelines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(*_: Any) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(timelines, "sweep", unplugged)
    with pytest.raises(StoreUnavailable):
        store.save(a_load(1))
    assert deals.timelines_synced_at(["1"]) == {}


class Overtaken(DealTimelineRepository):
    """Lets a newer load be saved while an older one is between its check and its writing."""

    def __init__(self, connection: Connection, other: DealStore, load: LoadedDeal) -> None:
        super().__init__(connection)
        self.other, self.load = other, load

    def replace(self, *arguments: Any) -> Changes:
        self.other.save(self.load)
        return super().replace(*arguments)


def test_an_overtaken_load_takes_back_what_it_added(connection: Any, store: Any, deals: Any, timelines: Any) -> None:
    slow = store_over(connection, deals, Overtaken(connection, store, a_load(1, 2, began=at(20))))
    slow.save(a_load(2, 3, began=at(10)))
    assert [event.engagement_id for event in timelines.events("1")] == ["000000001", "000000002"]
    assert deals.timelines_synced_at(["1"])["1"] == at(20)


def test_of_many_loads_at_once_the_newest_remains(store: DealStore, deals: Any, timelines: Any) -> None:
    loads = 12
    for round_ in range(3):
        deal = a_deal(f"race-{round_}")
        start = threading.Barrier(loads)

        def save(number: int, deal: Any = deal, start: threading.Barrier = start) -> None:
            events = tuple(an_event(one, subject=f"read by {number}") for one in range(number, number + 30))
            start.wait(60)
            store.save(LoadedDeal(deal, events, (), at(number)))

        with ThreadPoolExecutor(loads) as pool:
            list(pool.map(save, Random(round_).sample(range(loads), loads)))
        found = timelines.events(deal.deal_id)
        assert [event.subject for event in found] == [f"read by {loads - 1}"] * 30
        assert [int(event.engagement_id) for event in found] == list(range(loads - 1, loads + 29))
        assert deals.timelines_synced_at([deal.deal_id])[deal.deal_id] == at(loads - 1)


def test_what_is_gone_or_renamed_is_no_longer_found_under_the_name(store: DealStore, deals: Any) -> None:
    deals.store([a_deal("1"), a_deal("2")], NOON)
    store.note_gone(["1"], [a_deal("2", deal_name="Acme 2027", hubspot_updated_at=at(1))], at(2))
    assert deals.find(DealKey("name", "Acme renewal")) == []
    assert [stored.deal.deal_id for stored in deals.find(DealKey("name", "acme 2027"))] == ["2"]


def test_foreign_fields_are_handed_out_by_engagement(store: DealStore, connection: Connection) -> None:
    store.save(a_load(1, 2))
    with connection.operation() as database:
        database.deal_timeline.update_one({"engagement_id": "000000002"}, {"$set": {"sentiment": "calm"}})
    assert store.foreign_fields(["1"]) == {"1": {("emails", "000000002"): {"sentiment": "calm"}}}


def test_what_a_load_changed_is_reported(store: DealStore, connection: Connection) -> None:
    everything = {INFO, TIMELINE, ACTIVITIES_COUNT}
    load = a_load(1, 2, homonyms=(a_deal("2"),))
    name = {"Acme renewal"}
    assert store.save(load) == Changes({"1": everything, "2": everything}, name, {"1": name, "2": name})
    assert store.save(a_load(1, 2, homonyms=(a_deal("2"),), began=at(5))) == Changes()
    edited = an_event(2, subject="new", hubspot_updated_at=at(6))
    assert store.save(a_load(began=at(7), events=(an_event(1), edited))).views == {"1": {TIMELINE}}
    assert store.save(a_load(2, began=at(8))).views == {"1": everything}
    assert store.save(a_load(1, 2, 3, began=at(4))) == Changes()


def test_a_deal_takes_over_the_events_of_those_merged_into_it(
    store: DealStore, timelines: DealTimelineRepository, connection: Connection
) -> None:
    store.save(a_load(1, 2, deal=a_deal("7")))
    with connection.operation() as database:
        database.deal_timeline.update_one({"engagement_id": "000000001"}, {"$set": {"sentiment": "calm"}})
    changes = store.save(a_load(1, 3, began=at(5), deal=a_deal("9", merged_ids=("7",))))
    assert changes.views.keys() == {"7", "9"}
    assert [event.extra for event in timelines.events("9")] == [{"sentiment": "calm"}, {}]
    assert timelines.events("7") == []


def test_what_is_gone_or_renamed_is_reported(store: DealStore, deals: Any) -> None:
    deals.store([a_deal("1"), a_deal("2")], NOON)
    changes = store.note_gone(["1", "3"], [a_deal("2", deal_name="Acme 2027", hubspot_updated_at=at(1))], at(2))
    assert changes == Changes(
        {"1": {INFO, TIMELINE, ACTIVITIES_COUNT}, "2": {INFO, TIMELINE}},
        {"Acme renewal", "Acme 2027"},
        {"1": {"Acme renewal"}, "2": {"Acme renewal", "Acme 2027"}},
    )
