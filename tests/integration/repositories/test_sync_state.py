"""The state that syncs keep from one to the next, against a real MongoDB."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dealcache.repositories import Connection, SyncState, SyncStateRepository
from dealcache.repositories.sync_state import NotedWatermark
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, at

MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(connection: Connection) -> SyncStateRepository:
    return SyncStateRepository(connection)


def test_at_first_nothing_is_known(state: SyncStateRepository) -> None:
    assert state.load() == SyncState()


def test_times_only_go_forward(state: SyncStateRepository) -> None:
    state.advance_watermark(at(2) + timedelta(microseconds=1), at(9))
    state.advance_watermark(at(1), at(9))
    state.note_reread(at(4), at(9))
    state.note_reread(at(3), at(9))
    assert state.load() == SyncState(watermark=at(2), reread_at=at(4))


def test_readers_learn_the_watermark_with_the_one_before_and_its_age(
    state: SyncStateRepository, connection: Connection
) -> None:
    assert state.noted_watermark().watermark is None
    state.advance_watermark(at(1), at(9))
    state.advance_watermark(at(2), at(9))
    noted = state.noted_watermark()
    # The one at 1 was noted a moment ago, so it need not have been seen everywhere.
    assert (noted.watermark, noted.before) == (at(2), None)
    assert 0.0 <= noted.age < 60.0
    with connection.operation() as database:
        change = [{"$set": {"watermark_noted_at": {"$subtract": ["$watermark_noted_at", 10_000]}}}]
        database.sync_state.update_one({}, change)
    assert state.noted_watermark().age >= 10.0
    state.advance_watermark(at(3), at(9))
    assert (state.noted_watermark().watermark, state.noted_watermark().before) == (at(3), at(2))


def test_a_watermark_of_an_earlier_version_has_been_seen(state: SyncStateRepository, connection: Connection) -> None:
    with connection.operation() as database:
        database.sync_state.insert_one({"_id": "account", "watermark": at(1)})
    assert state.noted_watermark() == NotedWatermark(at(1), None, float("inf"))
    state.advance_watermark(at(2), at(9))
    assert state.noted_watermark().before == at(1)


def test_each_type_has_a_position_of_its_own_where_it_is_further(state: SyncStateRepository) -> None:
    assert state.load().positions == {}
    state.advance_watermark(at(2), at(9))
    state.advance_positions(["deals", "postal_mail"], at(3), at(9))
    state.advance_positions(["deals"], at(1), at(9))
    state.advance_positions(["calls"], at(4), at(9))
    assert state.load().positions == {"deals": at(3), "postal_mail": at(3), "calls": at(4)}
    assert state.load().watermark == at(2)
    # Noted by a clock that was wrong.
    state.advance_positions(["calls"], at(3), at(3.5))
    assert state.load().positions["calls"] == at(3)


def test_what_is_not_listed_is_kept_until_it_is(state: SyncStateRepository) -> None:
    for kind in ("meetings", "meetings", "calls"):
        state.note_listed(kind, listed=False)
    state.note_listed("calls", listed=True)
    assert state.load().unlisted == {"meetings"}
    state.note_partly_loaded(NOON)
    assert state.load().partly_loaded_at == NOON
    state.note_partly_loaded(None)
    assert state.load().partly_loaded_at is None


def test_the_place_in_the_lists_is_kept(state: SyncStateRepository) -> None:
    state.note_archived_position("calls", "NTI1$.x")
    assert state.load().archived_position == ("calls", "NTI1$.x")
    state.note_archived_position("deals", None)
    assert state.load().archived_position == ("deals", None)


def test_a_turn_is_taken_once_in_an_interval(state: SyncStateRepository) -> None:
    state.advance_watermark(NOON, at(9))
    assert state.claim_turn(NOON, MINUTE)
    assert not state.claim_turn(at(0.9), MINUTE)
    assert state.load() == SyncState(watermark=NOON, next_run_at=at(1))
    assert state.claim_turn(at(1), MINUTE)


def test_a_turn_that_a_longer_interval_set_is_not_waited_for(state: SyncStateRepository) -> None:
    assert state.claim_turn(NOON, timedelta(days=1))
    assert state.claim_turn(at(1), MINUTE)


@pytest.mark.parametrize("known", [False, True])
def test_of_many_at_once_one_takes_the_turn(state: SyncStateRepository, known: bool) -> None:
    if known:
        state.claim_turn(at(-5), MINUTE)
    assert race(lambda _: state.claim_turn(NOON, MINUTE), 16).count(True) == 1
