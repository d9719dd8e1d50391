from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.limits.sliding_window import Caller, SlidingWindow

READER, SYNC = Caller(Priority.INTERACTIVE, 0), Caller(Priority.SYNC, 1)
#: Seconds between two calls of a sync for which 98 slots of 100 are spread over a period; and between those of one that
#: has taken 80 at once.
STEP, WIDE_STEP = 10.2 / 98, 10.2 / 18


def window_after(limit, period, *answered):
    """A window after calls that were answered at these moments; None is one under way."""
    window = SlidingWindow(limit, period)
    for moment in answered:
        window.start(0.0, READER)
        if moment is not None:
            window.finish(moment, READER)
    return window


def test_a_full_window_frees_its_first_slot_one_period_after_the_first_answer():
    window = window_after(2, 1.0, 10.0, 10.4)
    assert window.wait(10.5, READER) == pytest.approx(0.5)
    assert window.left(10.5) == 0
    assert window.wait(11.0, READER) == 0.0
    assert window.left(11.0) == 1
    assert window.left(11.4) == 2


def test_a_call_under_way_keeps_its_slot_however_long_it_takes():
    window = window_after(1, 1.0, None)
    assert window.wait(500.0, READER) == pytest.approx(1.0)
    window.finish(500.0, READER)
    assert window.wait(500.9, READER) == pytest.approx(0.1)


def test_callers_ahead_take_the_slots_that_free_first():
    window = window_after(2, 1.0, 10.0, 10.4)
    assert window.wait(10.5, READER, ahead=1) == pytest.approx(0.9)
    assert window.wait(10.5, READER, ahead=2) == pytest.approx(1.5)


def test_callers_ahead_of_an_empty_window_take_its_slots():
    window = SlidingWindow(2, 1.0)
    assert window.wait(10.0, READER, ahead=1) == 0.0
    assert window.wait(10.0, READER, ahead=2) == pytest.approx(1.0)
    assert window.wait(10.0, READER, ahead=3) == pytest.approx(1.0)
    assert window.wait(10.0, READER, ahead=4) == pytest.approx(2.0)


def test_a_sync_leaves_a_slot_free():
    window = window_after(5, 1.0, 10.0, 10.0, 10.0, 10.0)
    assert window.wait(10.0, Caller(Priority.SHARED, 0)) == 0.0
    assert window.wait(10.0, SYNC) == pytest.approx(1.0)


@pytest.mark.parametrize(("limit", "taken"), [(1, 1), (2, 1), (5, 3), (6, 4), (100, 66)])
def test_a_reread_leaves_the_last_third(limit, taken):
    reread = Caller(Priority.REREAD, 0)
    window = SlidingWindow(limit, 1.0)
    for _ in range(taken):
        assert window.try_start(10.0, reread) == 0.0
    assert window.wait(10.0, reread) == pytest.approx(1.0)
    if taken < limit:
        assert window.wait(10.0, READER) == window.wait(10.0, Caller(Priority.SHARED, 0)) == 0.0


def test_a_pause_holds_all_and_a_shorter_one_does_not_cut_it():
    window = SlidingWindow(5, 1.0)
    window.pause(10.0, 10.0)
    window.pause(10.0, 5.0)
    assert window.wait(12.0, READER) == pytest.approx(8.0)
    assert window.left(12.0) == 0
    assert window.wait(20.0, READER) == 0.0


def test_a_new_limit_counts_at_once():
    window = window_after(2, 10.0, None, None)
    window.set_limit(0.0, 3)
    assert window.wait(0.0, READER) == 0.0
    window.set_limit(0.0, 1)
    assert window.wait(0.0, READER) > 0.0


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.floats(0.0, 0.7), st.floats(0.0, 0.9), st.floats(0.0, 1.0)), max_size=60),
)
def test_hubspot_never_sees_more_than_the_limit_in_a_period(limit, calls):
    """Each call arrives at HubSpot somewhere between its start and its answer, whatever the network does."""
    window = SlidingWindow(limit, 1.0)
    now, arrivals, under_way = 0.0, [], []
    for gap, duration, where in calls:
        now += gap
        for end in sorted(end for end in under_way if end <= now):
            window.finish(end, READER)
            under_way.remove(end)
        while (wait := window.try_start(now, READER)) > 0.0:
            now = min([now + wait, *under_way])
            for end in [end for end in under_way if end <= now]:
                window.finish(end, READER)
                under_way.remove(end)
        under_way.append(now + duration)
        arrivals.append(now + duration * where)
    arrivals.sort()
    for first, over in zip(arrivals, arrivals[limit:], strict=False):
        assert over - first > 1.0 - 1e-3


def paced_starts(late_by, calls=600):
    """When calls of a sync start whose thread wakes later than it should."""
    window, now, starts = SlidingWindow(100, 10.2), 0.0, []
    for late in itertools.islice(itertools.cycle(late_by), calls):
        while (wait := window.try_start(now, SYNC)) > 0.0:
            now += wait + late
        window.finish(now, SYNC)
        starts.append(now)
    return starts


def test_a_sync_s_calls_start_one_by_one():
    starts = paced_starts([0.0])
    assert starts[79] == starts[0]
    assert starts[80] - starts[79] == pytest.approx(WIDE_STEP / 2)
    first = [after - before for before, after in itertools.pairwise(starts[80:98])]
    assert first == pytest.approx([WIDE_STEP] * 17)
    gaps = [after - before for before, after in itertools.pairwise(starts[98:])]
    assert min(gaps) >= STEP / 2 - 1e-5
    assert max(gaps) <= STEP * 1.5
    # A slot that frees a little late is made up for once in a period.
    assert sum(gap < STEP - 1e-5 for gap in gaps) <= 600 / 98


def test_a_thread_that_wakes_late_does_not_lower_the_rate():
    starts = paced_starts([0.04, 0.01, 0.03, 0.0, 0.045])
    gaps = [after - before for before, after in itertools.pairwise(starts[80:])]
    assert min(gaps) >= STEP / 2 - 1e-5
    assert len(starts) / (starts[-1] - starts[0]) >= 9.5


@pytest.mark.parametrize("late", [0.0, 0.003, 0.02])
def test_a_sync_whose_threads_wake_late_does_not_begin_anew(late):
    window, random, now, starts, under_way = SlidingWindow(5, 1.0), Random(1), 0.0, 0, []
    while now < 100.0:
        while under_way and under_way[0] <= now:
            window.finish(under_way.pop(0), SYNC)
        wait = window.try_start(now, SYNC)
        if wait == 0.0:
            starts += 1
            under_way.append(now + 0.05)
        # A thread that waits asks again each half second.
        now += min(wait, 0.5) + late * random.random()
    # It may use four slots, each of which is taken for 1.05 s.
    assert starts >= 0.9 * 4 * 100 / 1.05


def test_time_that_was_not_used_is_not_made_up_for():
    window = SlidingWindow(100, 10.2)
    for _ in range(81):
        window.start(0.0, SYNC)
    assert window.wait(9.0, SYNC) == 0.0
    window.start(9.0, SYNC)
    assert window.wait(9.0, SYNC) == pytest.approx(WIDE_STEP / 2)


def test_each_call_ahead_costs_a_step():
    window = SlidingWindow(100, 10.2)
    for _ in range(79):
        window.start(0.0, Caller(Priority.SHARED, 0))
    window.start(0.0, SYNC)
    assert window.wait(0.0, SYNC) == pytest.approx(WIDE_STEP / 2)
    assert window.wait(0.0, SYNC, ahead=3) == pytest.approx(WIDE_STEP * 3.5)


def test_calls_ahead_that_need_no_pace_cost_nothing():
    window = SlidingWindow(100, 10.2)
    assert window.wait(0.0, SYNC, ahead=79) == 0.0
    window.start(0.0, SYNC)
    assert window.wait(0.0, SYNC, ahead=81) == pytest.approx(WIDE_STEP * 2.5)
