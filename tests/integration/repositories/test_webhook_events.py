"""Webhook events, against a real MongoDB."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS

from dealcache.model.jobs import WebhookEvent
from dealcache.repositories import Backlog, Connection, EventClaim, FailedRecord, StoredEvent, WebhookEventRepository
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, at

LEASE = timedelta(minutes=1)


@pytest.fixture
def events(connection: Connection) -> WebhookEventRepository:
    return WebhookEventRepository(connection)


def an_event(number: int = 1) -> WebhookEvent:
    return WebhookEvent(f"key-{number:04}", "propertyChange", "deals", str(number), at(-number))


def contents(claim: EventClaim) -> list[WebhookEvent | None]:
    return [event.content for event in claim.events]


def claim(
    events: WebhookEventRepository,
    owner: str = "ada",
    now: datetime = NOON,
    limit: int = 10,
    *,
    suspected: bool = False,
) -> EventClaim:
    return events.claim(owner, now, LEASE, limit, suspected=suspected)


def failed(event: StoredEvent, due_at: datetime | None, attempts: int = 1, *more: StoredEvent) -> FailedRecord:
    return FailedRecord([event.key, *(one.key for one in more)], event.record, attempts, "it fails", due_at)


def document_of(connection: Connection, key: Any) -> dict[str, Any]:
    with connection.operation() as database:
        return database.webhook_events.find_one({"_id": key}) or {}


def test_an_event_comes_back_as_it_was_stored(events: WebhookEventRepository) -> None:
    merge = WebhookEvent("$a.b", "merge", "deals", "1", NOON, "calls", "2", "3", ("1", "4"))
    assert events.store([merge, an_event()], NOON) == 2
    first, second = claim(events).events
    assert (first.content, second.content) == (merge, an_event())
    assert (first.record, first.received_at, first.attempts) == ("deals:1,deals:3,deals:4", NOON, 0)
    assert second.record == "deals:1"


def test_an_event_counts_once_also_after_it_was_done(events: WebhookEventRepository) -> None:
    assert events.store([], NOON) == 0
    assert events.store([an_event(1), an_event(1), an_event(2)], NOON) == 2
    assert events.store([an_event(2), an_event(3)], at(1)) == 1
    assert events.backlog() == Backlog(3, NOON, 0)
    events.done(claim(events).events, NOON, at(2))
    assert events.backlog() == Backlog(0, None, 0)
    assert events.store([an_event(1)], at(3)) == 0
    assert contents(claim(events, now=at(3))) == []


def test_the_oldest_are_taken_first(events: WebhookEventRepository) -> None:
    for number in (3, 1, 2):
        events.store([an_event(number)], at(-number))
    assert claim(events, limit=2).keys == ["key-0003", "key-0002"]
    assert claim(events, "bob", limit=2).keys == ["key-0001"]


def test_taken_events_are_free_again_when_the_lease_is_over(events: WebhookEventRepository) -> None:
    events.store([an_event()], NOON)
    assert contents(claim(events)) == [an_event()]
    assert contents(claim(events, "bob", at(0.9))) == []
    events.renew(["key-0001"], "bob", at(9))
    assert contents(claim(events, "bob", at(1))) == [an_event()]
    assert contents(claim(events, "ada", at(1.5))) == []
    events.renew(["key-0001"], "bob", at(9))
    assert contents(claim(events, "ada", at(8.9))) == []


def test_a_claim_tells_of_events_whose_holder_may_have_died(events: WebhookEventRepository) -> None:
    events.store([an_event(1)], NOON)
    assert not claim(events).abandoned
    assert not claim(events, now=at(0.5)).abandoned
    assert claim(events, "bob", at(2)).abandoned
    events.give_back(["key-0001"], "bob")
    assert not claim(events, now=at(3)).abandoned


def test_an_owner_gets_again_what_he_has_not_done(events: WebhookEventRepository) -> None:
    events.store([an_event()], NOON)
    claim(events)
    assert contents(claim(events, now=at(0.1))) == [an_event()]


def test_events_that_are_given_back_are_free_at_once(events: WebhookEventRepository) -> None:
    events.store([an_event()], NOON)
    claim(events)
    events.give_back(["key-0001"], "bob")
    assert contents(claim(events, "bob")) == []
    events.give_back(["key-0001"], "ada")
    assert contents(claim(events, "bob")) == [an_event()]


def test_no_two_workers_get_the_same_event(events: WebhookEventRepository) -> None:
    events.store([an_event(number) for number in range(200)], NOON)

    def work(worker: int) -> list[str]:
        mine: list[str] = []
        while (taken := claim(events, str(worker), limit=7)).events:
            mine += taken.keys
            events.done(taken.events, NOON, NOON)
        return mine

    taken = [key for mine in race(work, 8) for key in mine]
    assert len(taken) == len(set(taken)) == 200
    assert events.backlog().pending == 0


def test_a_failed_record_waits_for_its_time_and_keeps_one_event(
    events: WebhookEventRepository, connection: Connection
) -> None:
    events.store([an_event(1), WebhookEvent("other", "creation", "deals", "1", NOON), an_event(2)], NOON)
    one, two, other = claim(events).events
    events.failed([failed(one, at(5), 1, other)], NOON)
    assert events.backlog() == Backlog(2, NOON, 0)
    assert claim(events, "bob", at(4.9), suspected=True).events == []
    again = claim(events, "bob", at(5), suspected=True)
    assert again.events == [StoredEvent("key-0001", "deals:1", an_event(1), NOON, 1)]
    assert not again.abandoned
    assert claim(events, "bob", at(5)).events == [two]  # of another record: as new as ever
    events.failed([failed(one, at(9), 2)], at(5))
    stored = document_of(connection, "key-0001")
    assert (stored["attempts"], stored["reason"], stored["failed_since"]) == (2, "it fails", NOON)


def test_a_worker_of_the_previous_release_leaves_a_pause_alone(
    events: WebhookEventRepository, connection: Connection
) -> None:
    events.store([an_event()], NOON)
    events.failed([failed(claim(events).events[0], at(5))], NOON)
    stored = document_of(connection, "key-0001")
    # What it asks for: pending, and either nobody's, or leased until now at most.
    assert stored["pending"] is True
    assert stored["owner"] not in (None, "bob")
    assert stored["leased_until"] == at(5)


def test_what_the_previous_release_left_is_worked_off(events: WebhookEventRepository, connection: Connection) -> None:
    events.store([an_event()], NOON)
    with connection.operation() as database:
        database.webhook_events.update_one({}, {"$set": {"arrived_at": at(-7)}, "$unset": {"received_at": ""}})
    assert events.backlog() == Backlog(1, at(-7), 0)
    (event,) = claim(events).events
    assert event == StoredEvent("key-0001", "deals:1", an_event(), at(-7))
    events.done([event], NOON, NOON)
    assert events.backlog().pending == 0


def test_after_its_day_it_is_set_aside_once_for_each_record(events: WebhookEventRepository) -> None:
    for number, key in enumerate(("one", "two")):
        events.store([WebhookEvent(key, "creation", "deals", "1", NOON)], at(number))
        (event,) = claim(events, now=at(number)).events
        events.failed([failed(event, None, 100)], at(number))
        assert events.backlog() == Backlog(0, None, 1)
    assert claim(events, now=at(9999)).events == claim(events, now=at(9999), suspected=True).events == []


def test_suspected_events_are_taken_apart_and_at_once(events: WebhookEventRepository) -> None:
    events.store([an_event(1), an_event(2)], NOON)
    first, second = claim(events).events
    events.suspect([first], "ada")
    assert claim(events, "bob").events == []
    assert claim(events, "bob", suspected=True).events == [first]
    events.give_back(["key-0002"], "ada")
    assert claim(events, "bob").events == [second]


def test_what_is_told_of_a_failing_record_ends_its_pause_once(events: WebhookEventRepository) -> None:
    def told(number: int, now: datetime) -> set[str]:
        events.store([WebhookEvent(f"more-{number}", "creation", "deals", "1", NOON)], now)
        return events.join_failing(claim(events, now=now).events, "ada", now, timedelta(minutes=15))

    events.store([an_event(1)], NOON)
    (event,) = claim(events).events
    events.failed([failed(event, at(10))], NOON)
    events.store([an_event(2)], NOON)
    assert events.join_failing(claim(events).events, "ada", NOON, LEASE) == set()
    assert told(1, at(1)) == {"deals:1"}
    both = claim(events, "bob", at(1), suspected=True)
    assert (both.keys, both.abandoned) == (["key-0001", "more-1"], False)
    events.failed([failed(both.events[0], at(11), 2, both.events[1])], at(1))
    assert told(2, at(2)) == {"deals:1"}
    assert claim(events, "bob", at(10.9), suspected=True).events == []
    assert claim(events, "bob", at(11), suspected=True).keys == ["key-0001", "more-2"]


def test_what_is_told_while_a_record_is_read_is_read_after(events: WebhookEventRepository) -> None:
    events.store([an_event(1)], NOON)
    events.failed([failed(claim(events).events[0], at(1))], NOON)
    reading = claim(events, "bob", at(1), suspected=True)
    events.store([WebhookEvent("late", "creation", "deals", "1", NOON)], at(1.1))
    assert events.join_failing(claim(events, now=at(1.1)).events, "ada", at(1.1), LEASE) == {"deals:1"}
    events.done(reading.events, at(1), at(1.2))
    assert claim(events, "bob", at(1.2), suspected=True).keys == ["late"]


def test_a_record_that_was_read_has_nothing_set_aside_any_more(events: WebhookEventRepository) -> None:
    events.store([an_event(1)], NOON)
    events.failed([failed(claim(events).events[0], None)], NOON)
    events.store([WebhookEvent("late", "creation", "deals", "1", NOON)], at(1))
    late = claim(events, now=at(1)).events
    assert events.join_failing(late, "ada", at(1), LEASE) == {"deals:1"}
    again = claim(events, "bob", at(1), suspected=True)
    assert again.keys == ["late"]
    events.done(again.events, at(1), at(1))
    assert events.backlog() == Backlog(0, None, 0)


@pytest.mark.parametrize(
    "damage",
    [
        {"merged_ids": 7},
        {"object_id": 7},
        {"attempts": "many", "received_at": "long ago", "object_type": None},
        {"occurred_at": DatetimeMS(2**62), "merged_ids": None},
    ],
    ids=["a number for a list", "a number for an id", "no type", "a time beyond all calendars"],
)
def test_a_document_that_cannot_be_read_is_one_event(
    events: WebhookEventRepository, connection: Connection, damage: dict[str, Any]
) -> None:
    events.store([an_event(1), an_event(2)], NOON)
    with connection.operation() as database:
        database.webhook_events.update_one({"_id": "key-0001"}, {"$set": damage})
    by_key = {event.key: event for event in claim(events).events}
    assert by_key["key-0001"].content is None
    assert by_key["key-0001"].record == "an unreadable event:key-0001"
    assert by_key["key-0001"].attempts == 0
    assert by_key["key-0002"].content == an_event(2)


def test_a_document_of_somebody_elses_is_one_event(events: WebhookEventRepository, connection: Connection) -> None:
    key = {"theirs": [1, "two"]}
    with connection.operation() as database:
        database.webhook_events.insert_one({"_id": key, "pending": True, "owner": {"who": 7}, "leased_until": at(-1)})
    events.store([an_event(1)], NOON)
    strange, ours = claim(events).events
    assert (strange.key, strange.content, ours.content) == (key, None, an_event(1))
    events.failed([failed(strange, at(1))], NOON)
    assert claim(events, now=at(1), suspected=True).events == [StoredEvent(key, strange.record, None, NOON, 1)]
    events.failed([failed(strange, None, 9)], at(1))
    assert events.backlog() == Backlog(1, NOON, 1)


def test_a_time_that_is_none_makes_no_event_unreadable(events: WebhookEventRepository, connection: Connection) -> None:
    events.store([an_event(1)], NOON)
    with connection.operation() as database:
        database.webhook_events.update_one({"_id": "key-0001"}, {"$set": {"occurred_at": "yesterday"}})
    (event,) = claim(events).events
    assert event.content is not None
    assert event.record == "deals:1"


def test_mongodb_forgets_events_some_days_after_they_are_done(connection: Connection) -> None:
    with connection.operation() as database:
        indexes = database.webhook_events.index_information()
    expiries = {index["key"][0][0]: after for index in indexes.values() if (after := index.get("expireAfterSeconds"))}
    assert expiries == {"done_at": 3 * 86_400, "received_at": 14 * 86_400}
