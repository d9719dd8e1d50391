"""The state that syncs keep from one to the next, against a real MongoDB."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dealcache.repositories import Connection, SyncState, SyncStateRepository
from dealcache.repositories.sync import state as state_documents
from dealcache.repositories.sync.state import NotedWatermark
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, at

MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> SyncStateRepository:
    # Longer than any test takes, so that a watermark counts when the test says so.
    monkeypatch.setitem(state_documents._COUNTS_AT, "$add", ["$$NOW", 600_000])
    return SyncStateRepository(connection)


def test_at_first_nothing_is_known(state: SyncStateRepository) -> None:
    assert state.load() == SyncState()


def test_times_only_go_forward(state: SyncStateRepository) -> None:
    state.advance_watermark(at(2) + timedelta(microseconds=1), at(9))
    state.advance_watermark(at(1), at(9))
    state.note_reread(at(4), at(9))
    state.note_reread(at(3), at(9))
    assert state.load() == SyncState(watermark=at(2), reread_at=at(4))


def shown(state: SyncStateRepository) -> list[tuple[datetime, bool]]:
    """Return the noted watermarks, and whether each counts."""
    return [(one.watermark, one.counts_in <= 0.0) for one in state.noted_watermarks()]


def let_pass(connection: Connection, seconds: int) -> None:
    """Have the watermarks been noted that much earlier."""
    earlier = {"watermark": "$$this.watermark", "counts_at": {"$subtract": ["$$this.counts_at", seconds * 1000]}}
    change = {"watermarks": {"$map": {"input": "$watermarks", "in": earlier}}}
    with connection.operation() as database:
        database.sync_state.update_one({}, [{"$set": change}])


def test_readers_learn_the_watermark_that_counts_and_those_that_will(
    state: SyncStateRepository, connection: Connection
) -> None:
    assert state.noted_watermarks() == []
    state.advance_watermark(at(1), at(9))
    assert shown(state) == [(at(1), False)]
    assert 540.0 < state.noted_watermarks()[0].counts_in <= 600.0
    let_pass(connection, 600)
    state.advance_watermark(at(2), at(9))
    state.advance_watermark(at(3), at(9))
    # Each counts when its own time has come, whatever was noted after it.
    assert [one.watermark for one in state.noted_watermarks()] == [at(1), at(2), at(3)]
    let_pass(connection, 600)
    state.advance_watermark(at(4), at(9))
    # Of two that were noted in the same millisecond both are kept.
    assert shown(state)[-2:] == [(at(3), True), (at(4), False)]
    assert (at(1), True) not in shown(state)


def test_a_watermark_of_an_earlier_version_counts(state: SyncStateRepository, connection: Connection) -> None:
    with connection.operation() as database:
        database.sync_state.insert_one({"_id": "account", "watermark": at(1)})
    assert state.noted_watermarks() == [NotedWatermark(at(1))]
    state.advance_watermark(at(2), at(9))
    assert shown(state) == [(at(1), True), (at(2), False)]
    with connection.operation() as database:  # it runs again for a while
        database.sync_state.update_one({}, {"$set": {"watermark": at(3)}})
    assert shown(state) == [(at(3), True)]


def test_a_watermark_that_was_noted_while_the_clock_was_ahead_counts(
    state: SyncStateRepository, connection: Connection
) -> None:
    state.advance_watermark(at(1), at(9))
    let_pass(connection, -3600)
    assert shown(state) == [(at(1), True)]
    state.advance_watermark(at(2), at(9))
    assert shown(state) == [(at(1), True), (at(2), False)]


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
