"""The stays of a deal, made from the times that HubSpot keeps of each stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.model.stage_history import StageTime, Stay, current_entry, stays_of
from dealcache.model.timestamps import EARLIEST, LATEST

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
MOMENTS = st.integers(-3, 6).map(lambda days: START + timedelta(days=days)) | st.sampled_from([EARLIEST, LATEST])
STAGES = ("a", "b", "c", "d")


def at(days: float) -> datetime:
    return START + timedelta(days=days)


@st.composite
def histories(draw: st.DrawFn) -> tuple[tuple[StageTime, ...], str | None]:
    """Return any times of some stages, each stage once, however little they fit together."""
    stages = draw(st.lists(st.sampled_from(STAGES), unique=True))
    times = [StageTime(stage, draw(MOMENTS), draw(st.none() | MOMENTS)) for stage in stages]
    return tuple(times), draw(st.none() | st.sampled_from(STAGES))


@given(histories())
def test_every_known_stay_is_shown_once_in_order(history):
    times, present = history
    stays = stays_of(times, present)

    known = [stay for stay in stays if stay.entered_at is not None]
    assert sorted((stay.stage_id, stay.entered_at) for stay in known) == sorted(
        (one.stage_id, one.entered_at) for one in times
    )
    assert [stay.entered_at for stay in known] == sorted(stay.entered_at for stay in known)
    assert all(stay.left_at is None or stay.left_at >= stay.entered_at for stay in known)
    assert all(stay.entered_at is not None for stay in stays[:-1])


@given(histories())
def test_the_present_stage_is_the_one_stay_without_an_end_that_is_current(history):
    times, present = history
    stays = stays_of(times, present)

    current = [stay for stay in stays if stay.is_current]
    assert [stay.stage_id for stay in current] == ([] if present is None else [present])
    assert all(stay.left_at is None for stay in current)
    assert [stay.entered_at for stay in current] == ([] if present is None else [current_entry(times, present)])


@given(histories(), MOMENTS)
def test_nothing_lasts_for_less_than_no_time(history, now):
    for stay in stays_of(*history):
        days = stay.days(now)
        assert days is None or days >= 0
        assert (days is None) == (stay.entered_at is None or not (stay.is_current or stay.left_at))


@given(histories())
def test_the_order_of_the_times_does_not_matter(history):
    times, present = history
    assert stays_of(reversed(times), present) == stays_of(times, present)


def test_a_deal_on_its_way():
    times = [StageTime("b", at(1), at(3)), StageTime("a", at(0), at(1)), StageTime("c", at(3))]

    stays = stays_of(times, "c")

    assert stays == [
        Stay("a", at(0), at(1), False),
        Stay("b", at(1), at(3), False),
        Stay("c", at(3), None, True),
    ]
    assert [stay.days(at(4.26)) for stay in stays] == [1.0, 2.0, 1.3]


def test_a_deal_that_moved_back_keeps_its_latest_stay_and_an_exit_of_an_earlier_one_does_not_end_it():
    times = [StageTime("a", at(5), at(1)), StageTime("b", at(1), at(5))]

    assert stays_of(times, "a") == [Stay("b", at(1), at(5), False), Stay("a", at(5), None, True)]


def test_a_gap_between_stays_stays_one():
    # In a, b, a, c: the first stay in a is not known, and b was left long before c was entered.
    times = [StageTime("b", at(1), at(2)), StageTime("a", at(2), at(4)), StageTime("c", at(4))]
    without_a = [time for time in times if time.stage_id != "a"]

    assert stays_of(without_a, "c")[0] == Stay("b", at(1), at(2), False)


@pytest.mark.parametrize("exited_at", [None, at(0)])
def test_without_an_end_of_its_own_a_stay_ends_where_the_next_begins(exited_at):
    times = [StageTime("a", at(1), exited_at), StageTime("b", at(2))]

    assert stays_of(times, "b")[0] == Stay("a", at(1), at(2), False)


def test_a_last_stay_without_an_end_in_a_stage_that_the_deal_is_no_longer_in_has_none():
    (former, present) = stays_of([StageTime("a", at(1))], "b")

    assert (former, former.days(at(9))) == (Stay("a", at(1), None, False), None)
    assert (present, present.days(at(9))) == (Stay("b", None, None, True), None)


def test_a_present_stage_that_was_left_since_it_was_entered_was_entered_again_at_an_unknown_time():
    times = [StageTime("a", at(1), at(2))]

    assert stays_of(times, "a") == [Stay("a", at(1), at(2), False), Stay("a", None, None, True)]
    assert current_entry(times, "a") is None


def test_of_stages_entered_at_once_the_present_one_is_the_last():
    times = [StageTime("a", at(1)), StageTime("b", at(1), at(1))]

    assert [stay.stage_id for stay in stays_of(times, "a")] == ["b", "a"]
    assert stays_of(times, "a")[0].left_at == at(1)


@pytest.mark.parametrize("entered_at", [at(30), LATEST])
def test_a_time_in_the_future_has_lasted_for_no_day(entered_at):
    assert stays_of([StageTime("a", entered_at)], "a")[0].days(at(1)) == 0.0


def test_nothing_is_known_of_a_deal_in_no_stage():
    assert stays_of([], None) == []
    assert current_entry([], None) is None
