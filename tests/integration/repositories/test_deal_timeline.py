"""The events, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from dealcache.model.deals import Event
from dealcache.repositories import Connection, DealTimelineRepository, Totals
from dealcache.repositories.writes.plan import plan_writes
from tests.integration.conftest import Profiled
from tests.unit.repositories.samples import NOON, an_event, at


@pytest.fixture
def timelines(connection: Connection) -> DealTimelineRepository:
    return DealTimelineRepository(connection)


def documents(connection: Connection, deal_id: str = "1") -> list[dict[str, Any]]:
    with connection.operation() as database:
        return database.deal_timeline.find({"deal_id": deal_id}, {"_id": 0}).sort("engagement_id").to_list()


def numbers(timelines: DealTimelineRepository, deal_id: str = "1") -> list[int]:
    return [int(event.engagement_id) for event in timelines.events(deal_id)]


def write_foreign(connection: Connection, number: int, **fields: Any) -> None:
    with connection.operation() as database:
        database.deal_timeline.update_one({"engagement_id": f"{number:09}"}, {"$set": fields})


def test_events_are_read_as_they_were_written_oldest_first_then_by_id(timelines: DealTimelineRepository) -> None:
    events = [an_event(1), an_event(2), an_event(3, occurred_at=at(2)), an_event(4, occurred_at=at(-1), content="\0$x")]
    timelines.replace({"1": events[::-1]}, NOON)
    assert timelines.events("1") == [events[3], events[0], events[1], events[2]]
    assert timelines.events("2") == []


def test_more_events_than_a_batch_are_all_read(timelines: DealTimelineRepository) -> None:
    timelines.replace({"1": [an_event(number) for number in range(5_100)]}, NOON)
    assert numbers(timelines) == list(range(5_100))


def test_ids_may_repeat_between_types_and_deals(timelines: DealTimelineRepository) -> None:
    both = [an_event(1), an_event(1, engagement_type="calls", type="Call")]
    timelines.replace({"1": both}, NOON)
    timelines.replace({"2": both}, NOON)
    assert numbers(timelines, "1") == numbers(timelines, "2") == [1, 1]


def test_counts_and_extent(timelines: DealTimelineRepository) -> None:
    calls = [an_event(number, engagement_type="calls", type="Call") for number in (5, 9)]
    timelines.replace({"1": [an_event(7), *calls]}, NOON)
    timelines.replace({"2": [an_event(1)]}, NOON)
    assert timelines.totals(["1", "2", "3"]) == {
        "1": Totals({"Call": 2, "Outgoing Email": 1}, at(5), at(9)),
        "2": Totals({"Outgoing Email": 1}, at(1), at(1)),
    }
    assert timelines.totals(["1"])["1"].events == 3


def test_a_deal_without_events(timelines: DealTimelineRepository) -> None:
    assert timelines.totals(["1"]) == {}
    assert list(timelines.events_of(["1"])) == []


def test_a_load_adds_changes_and_removes(timelines: DealTimelineRepository) -> None:
    timelines.replace({"1": [an_event(1), an_event(2), an_event(3)]}, at(10))
    timelines.replace({"2": [an_event(1)]}, at(10))
    changed = an_event(2, hubspot_updated_at=at(15), subject="$engagement_id")
    timelines.replace({"1": [an_event(1), changed, an_event(4)]}, at(20))
    assert timelines.events("1") == [an_event(1), changed, an_event(4)]
    assert numbers(timelines, "2") == [1]
    timelines.replace({"1": []}, at(30))
    assert timelines.events("1") == []


def test_saving_the_same_load_twice_changes_nothing(timelines: DealTimelineRepository, connection: Connection) -> None:
    timelines.replace({"1": [an_event(1), an_event(2)]}, at(10))
    before = documents(connection)
    timelines.replace({"1": [an_event(1), an_event(2)]}, at(10))
    assert documents(connection) == before


def test_fields_of_other_systems_survive_every_write(timelines: DealTimelineRepository, connection: Connection) -> None:
    timelines.replace({"1": [an_event(1), an_event(2), an_event(3)]}, at(10))
    write_foreign(connection, 1, sentiment="positive", score={"a.b": 1})
    write_foreign(connection, 2, buyer_intent="high", buyer_intent_explanation="asked for a price")
    changed = an_event(1, hubspot_updated_at=at(15), subject="new")
    timelines.replace({"1": [changed, an_event(2), an_event(3)]}, at(20))
    first, second, third = timelines.events("1")
    assert (first.subject, first.extra) == ("new", {"sentiment": "positive"})
    assert second.extra == {"buyer_intent": "high", "buyer_intent_explanation": "asked for a price"}
    assert third.extra == {}
    assert documents(connection)[0]["score"] == {"a.b": 1}
    timelines.replace({"2": [an_event(3)]}, at(10))
    assert timelines.foreign_fields(["1", "2"]) == {
        "1": {("emails", "000000001"): first.extra, ("emails", "000000002"): second.extra}
    }


def test_an_older_load_neither_overwrites_nor_deletes(timelines: DealTimelineRepository) -> None:
    newer = [an_event(1, hubspot_updated_at=at(15), subject="new"), an_event(2)]
    timelines.replace({"1": newer}, at(20))
    timelines.replace({"1": [an_event(1, subject="old")]}, at(10))
    assert timelines.events("1") == newer


def test_an_event_confirmed_by_a_newer_load_is_safe_from_an_older_one(timelines: DealTimelineRepository) -> None:
    timelines.replace({"1": [an_event(1)]}, at(5))
    timelines.replace({"1": [an_event(1)]}, at(20))
    timelines.replace({"1": []}, at(10))
    assert numbers(timelines) == [1]


@pytest.fixture
def overtaken(timelines: DealTimelineRepository, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces events and lets something else happen in between: after it has read what is stored."""

    def replace_while(action: Callable[[], None], events: list[Event], began: datetime) -> None:
        def plan(*arguments: Any) -> Any:
            monkeypatch.undo()
            action()
            return plan_writes(*arguments)

        monkeypatch.setattr("dealcache.repositories.writes.batches.plan_writes", plan)
        timelines.replace({"1": events}, began)

    return replace_while


def test_an_event_that_was_inserted_meanwhile_is_not_duplicated(timelines: Any, overtaken: Any) -> None:
    newer = an_event(1, hubspot_updated_at=at(15), subject="new")
    overtaken(lambda: timelines.replace({"1": [newer, an_event(3)]}, at(20)), [an_event(1), an_event(2)], at(10))
    assert timelines.events("1")[0] == newer
    assert numbers(timelines) == [1, 2, 3]


def test_an_event_that_an_older_load_deletes_meanwhile_is_brought_back(timelines: Any, overtaken: Any) -> None:
    timelines.replace({"1": [an_event(1), an_event(2)]}, at(5))
    overtaken(lambda: timelines.replace({"1": [an_event(2)]}, at(10)), [an_event(1), an_event(2)], at(20))
    assert numbers(timelines) == [1, 2]


def test_an_event_that_is_changed_meanwhile_keeps_the_newest_version(timelines: Any, overtaken: Any) -> None:
    timelines.replace({"1": [an_event(1), an_event(2)]}, at(5))
    newest = an_event(1, hubspot_updated_at=at(16), subject="newest")
    newer = [an_event(number, hubspot_updated_at=at(15), subject="newer") for number in (1, 2)]
    overtaken(lambda: timelines.replace({"1": [newest, an_event(2)]}, at(10)), newer, at(20))
    assert timelines.events("1") == [newest, newer[1]]


def test_what_is_only_counted_is_read_from_an_index(timelines: DealTimelineRepository, profiled: Profiled) -> None:
    for deal_id in range(20):
        timelines.replace({str(deal_id): [an_event(number) for number in range(30)]}, NOON)
    counts = (lambda: timelines.totals(["7"]), lambda: timelines.totals(["3", "7", "9"]))
    for count in counts:
        (operation,) = profiled(count)
        assert operation["docsExamined"] == 0
        assert operation["keysExamined"] > 0


def test_a_timeline_comes_in_the_order_of_its_index(timelines: DealTimelineRepository, profiled: Profiled) -> None:
    for deal_id in range(20):
        timelines.replace({str(deal_id): [an_event(number) for number in range(30)]}, NOON)
    (operation,) = profiled(lambda: timelines.events("7"))
    assert operation["docsExamined"] == 30
    assert "hasSortStage" not in operation


def test_timelines_of_many_deals_come_by_one_query_in_the_order_of_its_index(
    timelines: DealTimelineRepository, profiled: Profiled
) -> None:
    for deal_id in range(20):
        timelines.replace({str(deal_id): [an_event(number) for number in range(30)]}, NOON)
    found: dict[str, list[Event]] = {}
    (operation,) = profiled(lambda: found.update(timelines.events_of(["7", "11", "nobody", "3"])))
    assert operation["docsExamined"] == 90
    assert "hasSortStage" not in operation
    assert found == {deal_id: timelines.events(deal_id) for deal_id in ("3", "7", "11")}


def test_more_events_of_many_deals_than_are_written_at_once(timelines: DealTimelineRepository) -> None:
    events = {deal_id: [an_event(number) for number in range(1_700)] for deal_id in ("1", "2", "3", "4")}
    timelines.replace(events, NOON)
    assert dict(timelines.events_of(events)) == events
    timelines.replace({"1": [an_event(1)], "2": []}, at(5))
    assert {deal_id: totals.events for deal_id, totals in timelines.totals(events).items()} == {
        "1": 1,
        "3": 1_700,
        "4": 1_700,
    }
