from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.window import RollingWindow


def test_a_full_window_frees_its_first_slot_one_period_after_the_first_answer():
    window = RollingWindow(2, 1.0)
    window.start()
    window.start()
    window.finish(10.0)
    window.finish(10.4)
    assert window.wait(10.5) == pytest.approx(0.5)
    assert window.left(10.5) == 0
    assert window.wait(11.0) == 0.0
    assert window.left(11.0) == 1
    assert window.left(11.4) == 2


def test_a_call_under_way_keeps_its_slot_however_long_it_takes():
    window = RollingWindow(1, 1.0)
    window.start()
    assert window.wait(500.0) == pytest.approx(1.0)
    window.finish(500.0)
    assert window.wait(500.9) == pytest.approx(0.1)


def test_callers_ahead_take_the_slots_that_free_first():
    window = RollingWindow(2, 1.0)
    for answered in (10.0, 10.4):
        window.start()
        window.finish(answered)
    assert window.wait(10.5, ahead=1) == pytest.approx(0.9)
    assert window.wait(10.5, ahead=2) == pytest.approx(1.5)


def test_callers_ahead_of_an_empty_window_take_its_slots():
    window = RollingWindow(2, 1.0)
    assert window.wait(10.0, ahead=1) == 0.0
    assert window.wait(10.0, ahead=2) == pytest.approx(1.0)
    assert window.wait(10.0, ahead=3) == pytest.approx(1.0)
    assert window.wait(10.0, ahead=4) == pytest.approx(2.0)


def test_a_reserve_is_left_free():
    window = RollingWindow(5, 1.0)
    for _ in range(4):
        window.start()
        window.finish(10.0)
    assert window.wait(10.0) == 0.0
    assert window.wait(10.0, reserve=1) == pytest.approx(1.0)


def test_a_pause_holds_everybody_and_a_shorter_one_does_not_cut_it():
    window = RollingWindow(5, 1.0)
    window.pause(20.0)
    window.pause(15.0)
    assert window.wait(12.0) == pytest.approx(8.0)
    assert window.left(12.0) == 0
    assert window.wait(20.0) == 0.0


def test_a_new_limit_counts_at_once():
    window = RollingWindow(2, 10.0)
    for _ in range(2):
        window.start()
    window.limit = 3
    assert window.wait(0.0) == 0.0
    window.limit = 1
    assert window.wait(0.0) > 0.0


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.floats(0.0, 0.7), st.floats(0.0, 0.9), st.floats(0.0, 1.0)), max_size=60),
)
def test_hubspot_never_sees_more_than_the_limit_in_a_period(limit, calls):
    """Each call arrives at HubSpot somewhere between its start and its answer, whatever the network does."""
    window = RollingWindow(limit, 1.0)
    now, arrivals, under_way = 0.0, [], []
    for gap, duration, where in calls:
        now += gap
        for end in sorted(end for end in under_way if end <= now):
            window.finish(end)
            under_way.remove(end)
        while window.wait(now) > 0.0:
            now = min([now + window.wait(now), *under_way])
            for end in [end for end in under_way if end <= now]:
                window.finish(end)
                under_way.remove(end)
        window.start()
        under_way.append(now + duration)
        arrivals.append(now + duration * where)
    arrivals.sort()
    for first, over in zip(arrivals, arrivals[limit:], strict=False):
        assert over - first > 1.0 - 1e-3


def test_a_window_that_starts_again_counts_what_it_is_given_and_nothing_else():
    window = RollingWindow(3, 1.0)
    window.start()
    window.start()
    window.finish(10.0)
    window.restart([10.2, 10.6])
    assert window.left(10.7) == 1
    assert window.left(11.2) == 2
    assert window.left(11.6) == 3


def test_it_tells_when_its_slots_free():
    window = RollingWindow(5, 1.0)
    for answered in (9.5, 10.2, 10.6, None):
        window.start()
        if answered:
            window.finish(answered)
    assert window.frees(10.7) == pytest.approx([11.2, 11.6, 11.7])
