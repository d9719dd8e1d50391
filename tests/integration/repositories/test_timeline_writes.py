"""Writing, removing and moving events of any deals, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dealcache.model.deals import Event
from dealcache.model.invalidation import ACTIVITIES_COUNT, INFO, TIMELINE, Changes
from dealcache.repositories import Connection, DealTimelineRepository
from dealcache.repositories.writes.plan import plan_writes
from tests.integration.conftest import Profiled
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, an_event, at

ALL = {INFO, TIMELINE, ACTIVITIES_COUNT}


@pytest.fixture
def timelines(connection: Connection) -> DealTimelineRepository:
    return DealTimelineRepository(connection)


def a_call(number: int = 1, **changes: Any) -> Event:
    return an_event(number, engagement_type="calls", type="Call", **changes)


def identity(number: int) -> str:
    return f"{number:09}"


def numbers(timelines: DealTimelineRepository, deal_id: str = "1") -> list[int]:
    return [int(event.engagement_id) for event in timelines.events(deal_id)]


def write_foreign(connection: Connection, deal_id: str, number: int, **fields: Any) -> None:
    with connection.operation() as database:
        database.deal_timeline.update_one({"deal_id": deal_id, "engagement_id": identity(number)}, {"$set": fields})


def raw(connection: Connection, deal_id: str, number: int) -> dict[str, Any]:
    with connection.operation() as database:
        found = database.deal_timeline.find_one({"deal_id": deal_id, "engagement_id": identity(number)}, {"_id": 0})
    return found or {}


# Writing


def test_events_of_any_deals_are_written_together(timelines: DealTimelineRepository) -> None:
    assert timelines.write([], NOON) == Changes()
    items = [("1", an_event(1)), ("1", a_call(1)), ("2", an_event(1)), ("2", an_event(2))]
    assert timelines.write(items, at(60)).views == {"1": ALL, "2": ALL}
    assert sorted(timelines.events("1"), key=lambda event: event.type) == [a_call(1), an_event(1)]
    assert numbers(timelines, "2") == [1, 2]
    assert timelines.write(items, at(61)) == Changes()


@pytest.mark.parametrize("probably_new", [False, True])
def test_what_is_seen_of_a_change_is_reported(
    timelines: DealTimelineRepository, connection: Connection, probably_new: bool
) -> None:
    timelines.write([(str(deal), an_event(1)) for deal in range(5)], at(60))
    write_foreign(connection, "1", 1, sentiment="calm", score=7)
    newer = {"hubspot_updated_at": at(61)}
    changed = [
        ("0", an_event(1, **newer)),
        ("1", an_event(1, subject="new", **newer)),
        ("2", an_event(1, type="Incoming Email", **newer)),
        ("3", an_event(1, occurred_at=at(9), **newer)),
        ("4", an_event(1, subject="old", hubspot_updated_at=at(0))),
    ]
    written = [*changed, ("5", an_event(1))]
    changes = timelines.write(written, at(62), probably_new=probably_new)
    assert changes.views == {"1": {TIMELINE}, "2": {TIMELINE, ACTIVITIES_COUNT}, "3": {TIMELINE, INFO}, "5": ALL}
    assert [one["synced_at"] for one in (raw(connection, str(deal), 1) for deal in range(6))] == [at(62)] * 6
    assert timelines.events("1")[0].extra == {"sentiment": "calm"}
    assert raw(connection, "1", 1)["score"] == 7
    assert timelines.events("4") == [an_event(1)]


def test_an_event_that_is_given_twice_is_written_once(timelines: DealTimelineRepository) -> None:
    newer = an_event(1, hubspot_updated_at=at(9))
    timelines.write([("1", newer), ("1", an_event(1))], at(10))
    assert timelines.events("1") == [newer]


def test_an_older_reading_confirms_but_does_not_change(timelines: DealTimelineRepository) -> None:
    timelines.write([("1", an_event(1, owner_id="2"))], at(60))
    assert timelines.write([("1", an_event(1))], at(50)) == Changes()
    assert timelines.events("1")[0].owner_id == "2"


def test_a_name_that_an_earlier_version_stored_stays_until_its_id_changes(
    timelines: DealTimelineRepository, connection: Connection
) -> None:
    timelines.write([("1", an_event(1))], at(1))
    with connection.operation() as database:
        assert database.deal_timeline.find_one({}, {"owner": 1})["owner"] == ""  # workers of earlier versions need it
        database.deal_timeline.update_one({}, {"$set": {"owner": "Grace Hopper"}})
    assert not timelines.write([("1", an_event(1))], at(2))
    assert timelines.events("1")[0].owner == "Grace Hopper"
    assert timelines.write([("1", an_event(1, owner_id="2", hubspot_updated_at=at(3)))], at(4))
    assert timelines.events("1")[0].owner == ""


def test_deals_with_events_of_an_owner_are_found(timelines: DealTimelineRepository) -> None:
    owners = {"1": "7", "2": "8", "3": "7"}
    timelines.write([(deal_id, an_event(1, owner_id=owner)) for deal_id, owner in owners.items()], at(1))
    assert sorted(timelines.deals_with_events_of(["7", "9"], 10)) == ["1", "3"]
    assert len(timelines.deals_with_events_of(["7", "8"], 2)) == 2


@pytest.mark.parametrize("probably_new", [False, True])
def test_many_writers_of_the_same_events_leave_no_duplicate(
    timelines: DealTimelineRepository, probably_new: bool
) -> None:
    def write(minute: int) -> Changes:
        event = {"hubspot_updated_at": at(minute), "subject": f"version {minute}"}
        events = [("1", an_event(number, **event)) for number in range(40)]
        return timelines.write(events, at(minute), probably_new=probably_new)

    reported = Changes()
    for changes in race(write, 12):
        reported.add(changes)
    assert reported.views == {"1": ALL}
    assert [event.subject for event in timelines.events("1")] == ["version 11"] * 40


@pytest.fixture
def overtaken(timelines: DealTimelineRepository, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Changes]:
    """Writes events and lets something else happen in between: after it has read what is stored."""

    def write_while(action: Callable[[], object], event: Event, read_at: float) -> Changes:
        def plan(*arguments: Any) -> Any:
            monkeypatch.undo()
            action()
            return plan_writes(*arguments)

        monkeypatch.setattr("dealcache.repositories.writes.batches.plan_writes", plan)
        return timelines.write([("1", event)], at(read_at))

    return write_while


def test_an_event_that_is_removed_meanwhile_is_reported_as_new(timelines: Any, overtaken: Any) -> None:
    timelines.write([("1", an_event(1))], at(5))
    changes = overtaken(lambda: timelines.sweep(["1"], at(10)), an_event(1), 20)
    assert changes.views == {"1": ALL}
    assert numbers(timelines) == [1]


# Removing


def test_what_was_not_confirmed_is_swept_away(timelines: DealTimelineRepository) -> None:
    timelines.write([("1", an_event(1)), ("2", an_event(1)), ("3", an_event(1))], at(5))
    timelines.write([("1", an_event(2)), ("2", an_event(1))], at(10))
    assert timelines.sweep(["1", "2", "4"], at(10)).views == {"1": ALL}
    assert [numbers(timelines, deal) for deal in "123"] == [[2], [1], [1]]
    assert timelines.sweep(["1", "2"], at(10)) == Changes()
    assert timelines.sweep([], at(99)) == Changes()


def test_any_number_of_deals_is_swept(timelines: DealTimelineRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealcache.repositories.writes.events._DEALS_AT_ONCE", 3)
    monkeypatch.setattr("dealcache.repositories.writes.events._EVENTS_AT_ONCE", 2)
    deals = [str(number) for number in range(10)]
    timelines.write([(deal, an_event(number)) for deal in deals for number in (1, 2)], at(5))
    assert timelines.sweep(deals, at(6)).views.keys() == set(deals)
    assert timelines.totals(deals) == {}


def test_single_events_are_removed(timelines: DealTimelineRepository) -> None:
    both = [an_event(1), an_event(2), a_call(1)]
    timelines.write([(deal, event) for deal in "12" for event in both], at(5))
    timelines.write([("2", an_event(2))], at(10))
    gone = [("1", "emails", identity(1)), ("2", "calls", identity(1)), ("2", "emails", identity(2))]
    assert timelines.remove([*gone, ("3", "emails", identity(1))], at(10)).views == {"1": ALL, "2": ALL}
    assert timelines.events("1") == [a_call(1), an_event(2)]
    assert timelines.events("2") == [an_event(1), an_event(2)]
    assert timelines.remove([], at(99)) == timelines.remove(gone, at(10)) == Changes()


def test_an_engagement_is_removed_from_every_deal(timelines: DealTimelineRepository) -> None:
    timelines.write([(deal, event) for deal in "123" for event in (an_event(1), a_call(1), an_event(2))], at(5))
    timelines.write([("3", an_event(1))], at(10))
    changes = timelines.remove_engagements("emails", [identity(1), identity(9)], at(10))
    assert changes.views == {"1": ALL, "2": ALL}
    assert [len(timelines.events(deal)) for deal in "123"] == [2, 2, 3]
    assert timelines.remove_engagements("emails", [], at(99)) == Changes()


# Moving


def test_a_merged_deal_hands_over_its_events(timelines: DealTimelineRepository, connection: Connection) -> None:
    timelines.write([("1", an_event(1)), ("1", an_event(2)), ("2", an_event(2)), ("2", an_event(3))], at(5))
    timelines.write([("9", an_event(3)), ("8", an_event(1))], at(6))
    write_foreign(connection, "1", 1, sentiment="calm", score={"a.b": "$x"})
    write_foreign(connection, "2", 2, buyer_intent="high")
    write_foreign(connection, "2", 3, sentiment="angry", buyer_intent="low")
    write_foreign(connection, "9", 3, sentiment="glad")
    changes = timelines.adopt("9", ["1", "2", "9", "unknown"])
    assert changes.views == {"1": ALL, "2": ALL, "9": ALL}
    assert numbers(timelines, "9") == [1, 2, 3]
    assert raw(connection, "9", 1)["score"] == {"a.b": "$x"}
    assert timelines.foreign_fields(["9"])["9"] == {
        ("emails", identity(1)): {"sentiment": "calm"},
        ("emails", identity(2)): {"buyer_intent": "high"},
        ("emails", identity(3)): {"sentiment": "glad", "buyer_intent": "low"},
    }
    assert {deal: totals.events for deal, totals in timelines.totals(["8", "9"]).items()} == {"8": 1, "9": 3}
    assert raw(connection, "9", 1)["synced_at"] == at(5)
    assert timelines.adopt("9", ["1", "2"]) == Changes()


def test_taking_over_fields_alone_is_seen_in_the_timeline(
    timelines: DealTimelineRepository, connection: Connection
) -> None:
    timelines.write([("1", an_event(1)), ("9", an_event(1))], at(5))
    write_foreign(connection, "1", 1, sentiment="calm")
    assert timelines.adopt("9", ["1"]).views == {"1": ALL, "9": {TIMELINE}}
    timelines.write([("1", an_event(1))], at(6))
    assert timelines.adopt("9", ["1"]).views == {"1": ALL}


def test_events_that_both_deals_get_at_once_are_handed_over_once(
    timelines: DealTimelineRepository, connection: Connection
) -> None:
    for round_ in range(5):
        old, new = f"old-{round_}", f"new-{round_}"
        events = [an_event(number) for number in range(30)]
        timelines.write([(old, event) for event in events], at(5))
        for number in range(30):
            write_foreign(connection, old, number, sentiment="calm")

        def act(number: int, old: str = old, new: str = new, events: list[Event] = events) -> Changes:
            return timelines.adopt(new, [old]) if number else timelines.write([(new, one) for one in events], at(6))

        race(act, 3)
        assert numbers(timelines, new) == list(range(30))
        assert numbers(timelines, old) == []
        assert [event.extra for event in timelines.events(new)] == [{"sentiment": "calm"}] * 30


# Asking


def test_engagements_of_deals_and_deals_of_engagements(timelines: DealTimelineRepository) -> None:
    timelines.write([("1", an_event(1)), ("1", a_call(1)), ("2", an_event(1))], NOON)
    emails, calls = ("emails", identity(1)), ("calls", identity(1))
    assert timelines.engagements_of(["1", "2", "3"]) == {"1": {emails, calls}, "2": {emails}}
    assert timelines.deals_of("emails", [identity(1), identity(2)]) == {identity(1): {"1", "2"}}
    assert timelines.engagements_of([]) == timelines.deals_of("calls", []) == {}


def test_what_was_seen_since_comes_once_and_in_its_newest_version(
    timelines: DealTimelineRepository, connection: Connection
) -> None:
    newest = an_event(1, hubspot_updated_at=at(9))
    timelines.write([("1", an_event(1)), ("2", newest), ("3", an_event(1)), ("1", a_call(1))], at(10))
    timelines.write([("1", an_event(2))], at(5))
    write_foreign(connection, "2", 1, sentiment="calm")
    ids = [identity(1), identity(2), identity(3)]
    assert timelines.seen_since("emails", ids, at(10)) == [newest]
    assert timelines.seen_since("emails", ids, at(11)) == []
    assert len(timelines.seen_since("emails", ids, at(5))) == 2


def test_deals_with_events_in_a_time(timelines: DealTimelineRepository) -> None:
    timelines.write([("1", an_event(1)), ("1", an_event(9)), ("2", an_event(5)), ("3", an_event(6))], NOON)
    assert timelines.deals_with_events_between(at(5), at(6)) == ["2"]
    assert timelines.deals_with_events_between(at(5), at(10)) == ["1", "2", "3"]
    assert timelines.deals_with_events_between(at(5), at(10), ["3", "1", "4"]) == ["1", "3"]
    assert timelines.deals_with_events_between(at(2), at(5)) == []


def test_questions_are_answered_from_indexes(timelines: DealTimelineRepository, profiled: Profiled) -> None:
    timelines.write([(str(deal), an_event(number)) for deal in range(20) for number in range(30)], NOON)
    ids = [identity(number) for number in range(5)]
    questions = [
        (lambda: timelines.engagements_of(["7", "8"]), 60),
        (lambda: timelines.deals_of("emails", ids), 100),
        (lambda: timelines.deals_with_events_between(at(5), at(6)), 20),
        (lambda: timelines.deals_with_events_between(at(5), at(6), ["7", "8"]), 2),
    ]
    for question, keys in questions:
        (operation,) = profiled(question)
        assert operation["docsExamined"] == 0
        assert keys <= operation["keysExamined"] <= 3 * keys


def test_only_the_documents_of_a_batch_are_read(timelines: DealTimelineRepository, profiled: Profiled) -> None:
    everything = [(str(deal), a_call(100 * deal + number)) for deal in range(20) for number in range(30)]
    timelines.write([*everything, *((deal, an_event(int(call.engagement_id))) for deal, call in everything)], NOON)
    operations = profiled(lambda: timelines.write([*everything[:40], ("1", an_event(101))], at(1)))
    assert sum(operation["docsExamined"] for operation in operations if operation["op"] == "query") == 41


def test_events_that_are_probably_new_are_looked_up_only_if_they_are_not(
    timelines: DealTimelineRepository, profiled: Profiled
) -> None:
    assert timelines.is_empty()
    items = [("1", an_event(number)) for number in range(40)]
    assert profiled(lambda: timelines.write(items, at(1), probably_new=True)) == []
    assert not timelines.is_empty()
    operations = profiled(lambda: timelines.write([*items[:10], ("2", an_event(41))], at(2), probably_new=True))
    assert [operation["docsExamined"] for operation in operations] == [10]
