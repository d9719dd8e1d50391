"""Webhook events, against a real MongoDB."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dealcache.hints import Hint
from dealcache.repositories import Connection, WebhookEventRepository
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, at

LEASE = timedelta(minutes=1)


@pytest.fixture
def events(connection: Connection) -> WebhookEventRepository:
    return WebhookEventRepository(connection)


def a_hint(number: int = 1) -> Hint:
    return Hint(f"key-{number:04}", "propertyChange", "deals", str(number), at(-number))


def keys(hints: list[Hint]) -> list[str]:
    return [hint.key for hint in hints]


def test_an_event_comes_back_as_it_was_stored(events: WebhookEventRepository) -> None:
    merge = Hint("$a.b", "merge", "deals", "1", NOON, "calls", "2", "3", ("1", "4"))
    assert events.store([merge, a_hint()], NOON) == 2
    assert events.claim("ada", NOON, LEASE, 10).hints == [merge, a_hint()]


def test_an_event_counts_once_also_after_it_was_done(events: WebhookEventRepository) -> None:
    assert events.store([], NOON) == 0
    assert events.store([a_hint(1), a_hint(1), a_hint(2)], NOON) == 2
    assert events.store([a_hint(2), a_hint(3)], at(1)) == 1
    assert events.pending() == 3
    events.done(keys([a_hint(1), a_hint(2), a_hint(3)]), at(2))
    assert events.pending() == 0
    assert events.store([a_hint(1)], at(3)) == 0
    assert events.claim("ada", at(3), LEASE, 10).hints == []


def test_the_oldest_are_taken_first(events: WebhookEventRepository) -> None:
    for number in (3, 1, 2):
        events.store([a_hint(number)], at(-number))
    assert keys(events.claim("ada", NOON, LEASE, 2).hints) == ["key-0003", "key-0002"]
    assert keys(events.claim("bob", NOON, LEASE, 2).hints) == ["key-0001"]


def test_taken_events_are_free_again_when_the_lease_is_over(events: WebhookEventRepository) -> None:
    events.store([a_hint()], NOON)
    assert events.claim("ada", NOON, LEASE, 10).hints == [a_hint()]
    assert events.claim("bob", at(0.9), LEASE, 10).hints == []
    assert events.claim("bob", at(1), LEASE, 10).hints == [a_hint()]
    assert events.claim("ada", at(1.5), LEASE, 10).hints == []


def test_a_claim_tells_of_events_whose_holder_may_have_died(events: WebhookEventRepository) -> None:
    events.store([a_hint(1)], NOON)
    assert not events.claim("ada", NOON, LEASE, 10).abandoned
    assert not events.claim("ada", at(0.5), LEASE, 10).abandoned
    assert events.claim("bob", at(2), LEASE, 10).abandoned
    events.give_back(["key-0001"], "bob")
    assert not events.claim("ada", at(3), LEASE, 10).abandoned


def test_an_owner_gets_again_what_he_has_not_done(events: WebhookEventRepository) -> None:
    events.store([a_hint()], NOON)
    events.claim("ada", NOON, LEASE, 10)
    assert events.claim("ada", at(0.1), LEASE, 10).hints == [a_hint()]


def test_events_that_are_given_back_are_free_at_once(events: WebhookEventRepository) -> None:
    events.store([a_hint()], NOON)
    events.claim("ada", NOON, LEASE, 10)
    events.give_back(["key-0001"], "bob")
    assert events.claim("bob", NOON, LEASE, 10).hints == []
    events.give_back(["key-0001"], "ada")
    assert events.claim("bob", NOON, LEASE, 10).hints == [a_hint()]


def test_no_two_workers_get_the_same_event(events: WebhookEventRepository) -> None:
    events.store([a_hint(number) for number in range(200)], NOON)

    def work(worker: int) -> list[str]:
        mine: list[str] = []
        while taken := events.claim(str(worker), NOON, LEASE, 7).hints:
            mine += keys(taken)
            events.done(keys(taken), NOON)
        return mine

    taken = [key for mine in race(work, 8) for key in mine]
    assert len(taken) == len(set(taken)) == 200
    assert events.pending() == 0


def test_mongodb_forgets_events_after_three_days(connection: Connection) -> None:
    with connection.operation() as database:
        expiry = database.webhook_events.index_information()["expiry"]
    assert (expiry["key"], expiry["expireAfterSeconds"]) == ([("arrived_at", 1)], 3 * 86_400)
