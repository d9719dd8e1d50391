"""What syncs know from one to the next, against a real MongoDB."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dealcache.repositories import Connection, SyncState, SyncStateRepository
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, at

MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(connection: Connection) -> SyncStateRepository:
    return SyncStateRepository(connection)


def test_at_first_nothing_is_known(state: SyncStateRepository) -> None:
    assert state.load() == SyncState()


def test_times_only_go_forward(state: SyncStateRepository) -> None:
    state.advance_watermark(at(2) + timedelta(microseconds=1))
    state.advance_watermark(at(1))
    state.note_reread(at(4))
    state.note_reread(at(3))
    assert state.load() == SyncState(watermark=at(2), reread_at=at(4))


def test_the_place_in_the_lists_is_kept(state: SyncStateRepository) -> None:
    state.note_archived_position("calls", "NTI1$.x")
    assert state.load().archived_position == ("calls", "NTI1$.x")
    state.note_archived_position("deals", None)
    assert state.load().archived_position == ("deals", None)


def test_a_turn_is_taken_once_in_an_interval(state: SyncStateRepository) -> None:
    state.advance_watermark(NOON)
    assert state.take_turn(NOON, MINUTE)
    assert not state.take_turn(at(0.9), MINUTE)
    assert state.load() == SyncState(watermark=NOON, next_run_at=at(1))
    assert state.take_turn(at(1), MINUTE)


def test_a_turn_that_a_longer_interval_set_is_not_waited_for(state: SyncStateRepository) -> None:
    assert state.take_turn(NOON, timedelta(days=1))
    assert state.take_turn(at(1), MINUTE)


@pytest.mark.parametrize("known", [False, True])
def test_of_many_at_once_one_takes_the_turn(state: SyncStateRepository, known: bool) -> None:
    if known:
        state.take_turn(at(-5), MINUTE)
    assert race(lambda _: state.take_turn(NOON, MINUTE), 16).count(True) == 1
