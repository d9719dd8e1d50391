from __future__ import annotations

import itertools

import pytest

from dealcache.hubspot.pacing import SyncShare
from dealcache.hubspot.window import RollingWindow

STEP = 10.2 / 98


def paced_starts(late_by, calls=600):
    """When calls start whose thread wakes later than it should."""
    window, now, starts = RollingWindow(100, 10.2), 0.0, []
    share = SyncShare(window)
    for late in itertools.islice(itertools.cycle(late_by), calls):
        while (wait := share.wait(now, ahead=0)) > 0.0:
            now += wait + late
        window.start()
        share.note_start(now)
        window.finish(now)
        starts.append(now)
    return starts


def test_a_sync_s_calls_start_one_by_one():
    starts = paced_starts([0.0])
    assert starts[19] == starts[0]
    assert starts[20] - starts[19] == pytest.approx(20 * STEP, abs=STEP)
    gaps = [after - before for before, after in itertools.pairwise(starts[20:])]
    assert min(gaps) >= STEP / 2 - 1e-5
    assert max(gaps) <= STEP * 1.5
    # A slot that frees a little late is made up for once in a period.
    assert sum(gap < STEP - 1e-5 for gap in gaps) <= 600 / 98


def test_a_thread_that_wakes_late_does_not_lower_the_rate():
    starts = paced_starts([0.04, 0.01, 0.03, 0.0, 0.045])
    gaps = [after - before for before, after in itertools.pairwise(starts[20:])]
    assert min(gaps) >= STEP / 2 - 1e-5
    assert len(starts) / (starts[-1] - starts[0]) >= 9.5


def test_time_that_was_not_used_is_not_made_up_for():
    window = RollingWindow(100, 10.2)
    share = SyncShare(window)
    for _ in range(50):
        window.start()
        share.note_start(0.0)
    assert share.wait(7.0, ahead=0) == 0.0
    share.note_start(7.0)
    assert share.wait(7.0, ahead=0) == pytest.approx(STEP / 2)


def test_each_call_ahead_costs_a_step():
    window = RollingWindow(100, 10.2)
    share = SyncShare(window)
    for _ in range(20):
        window.start()
    share.note_start(0.0)
    assert share.wait(0.0, ahead=0) == pytest.approx(STEP / 2)
    assert share.wait(0.0, ahead=3) == pytest.approx(STEP * 3.5)


def test_calls_ahead_that_need_no_pace_cost_nothing():
    window = RollingWindow(100, 10.2)
    share = SyncShare(window)
    assert share.wait(0.0, ahead=19) == 0.0
    share.note_start(0.0)
    assert share.wait(0.0, ahead=22) == pytest.approx(STEP * 2.5)
