"""Failures that a disturbance excuses."""

from __future__ import annotations

import pytest

from tests.clocks import ManualClock
from tests.soak.outages import MONGOD_SETTLES, Outages, Part


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100.0)


@pytest.fixture
def outages(clock: ManualClock) -> Outages:
    return Outages(clock)


def disturb(outages: Outages, clock: ManualClock, part: Part, target: str = "") -> None:
    """Disturb something from 100 to 103."""
    outage = outages.begin(part, target)
    clock.tick(3)
    outages.end(outage)


def test_nothing_is_excused_while_nothing_is_disturbed(outages: Outages) -> None:
    assert not outages.excuse_failing_store(0, 1_000)
    assert not outages.excuse_lost_connection("one", 0, 1_000)
    assert not outages.excuse_refused_connection("one", 0, 1_000)


def test_a_store_may_fail_while_mongod_is_away_and_shortly_after(outages: Outages, clock: ManualClock) -> None:
    disturb(outages, clock, Part.MONGOD)
    assert not outages.excuse_failing_store(98, 99.9)
    assert outages.excuse_failing_store(98, 100.1)
    assert outages.excuse_failing_store(101, 102)
    assert outages.excuse_failing_store(103 + MONGOD_SETTLES - 0.1, 200)
    assert not outages.excuse_failing_store(103 + MONGOD_SETTLES + 0.1, 200)


def test_an_outage_that_lasts_excuses_everything_after_its_beginning(outages: Outages) -> None:
    outages.begin(Part.MONGOD)
    assert outages.excuse_failing_store(5_000, 5_001)


@pytest.mark.parametrize("part", [Part.REDIS, Part.REDIS_FROZEN, Part.WORKER, Part.INSTANCE, Part.HUBSPOT])
def test_nothing_else_excuses_a_failing_store(outages: Outages, clock: ManualClock, part: Part) -> None:
    disturb(outages, clock, part, "one")
    assert not outages.excuse_failing_store(101, 102)


@pytest.mark.parametrize("part", [Part.WORKER, Part.INSTANCE])
def test_connections_to_the_instance_concerned_may_break(outages: Outages, clock: ManualClock, part: Part) -> None:
    disturb(outages, clock, part, "one")
    assert outages.excuse_lost_connection("one", 99, 101)
    assert not outages.excuse_lost_connection("two", 99, 101)
    assert not outages.excuse_lost_connection("one", 104, 105)


def test_only_a_stopped_instance_refuses_connections(outages: Outages, clock: ManualClock) -> None:
    disturb(outages, clock, Part.WORKER, "one")
    assert not outages.excuse_refused_connection("one", 101, 102)
    disturb(outages, clock, Part.INSTANCE, "two")
    assert outages.excuse_refused_connection("two", 104, 105)
    assert not outages.excuse_refused_connection("one", 104, 105)
