"""Time limits for the steps of an exchange."""

from __future__ import annotations

import threading

import pytest

from dealcache.hubspot.call_timer import CallTimer, current_timer, timed
from dealcache.model.deadline import Deadline


def timer_of(clock, seconds=1000.0, answer_seconds=110.0):
    return CallTimer(Deadline(seconds, clock), answer_seconds, clock)


@pytest.mark.parametrize(
    ("step", "seconds"), [("start_connecting", 10.0), ("start_sending", 10.0), ("start_waiting", 110.0)]
)
def test_each_step_has_an_end(clock, step, seconds):
    timer = timer_of(clock)
    getattr(timer, step)()
    assert timer.left() == seconds
    clock.now += seconds - 1
    assert timer.left() == 1.0
    clock.now += 2
    assert timer.left() == 0.0


@pytest.mark.parametrize("step", ["start_connecting", "start_sending", "start_waiting", "start_body"])
def test_no_step_outlives_the_deadline(clock, step):
    timer = timer_of(clock, seconds=3.0)
    getattr(timer, step)()
    assert timer.left() == 3.0


def test_a_head_that_has_begun_ends_soon_however_its_bytes_come(clock):
    timer = timer_of(clock)
    timer.start_waiting()
    clock.now += 100
    timer.note_received()
    assert timer.left() == 10.0
    for _ in range(9):
        clock.now += 1
        timer.note_received()
    assert timer.left() == 1.0


def test_the_second_answer_of_a_connection_has_its_own_time(clock):
    timer = timer_of(clock)
    timer.start_waiting()
    timer.note_received()
    timer.start_waiting()
    assert timer.left() == 110.0


def test_a_body_may_neither_pause_nor_last(clock):
    timer = timer_of(clock)
    timer.start_body()
    assert timer.left() == 10.0
    for _ in range(6):
        clock.now += 9
        timer.note_received()
    assert timer.left() == 6.0
    clock.now += 6
    timer.note_received()
    assert timer.left() == 0.0


def test_a_deadline_that_moves_nearer_counts_at_once(clock):
    deadline = Deadline(50.0, clock)
    timer = CallTimer(deadline, 110.0, clock)
    timer.start_waiting()
    deadline._expires_at = clock.now
    assert timer.left() == 0.0


def test_the_timer_is_that_of_the_exchange_under_way(clock):
    timer = timer_of(clock)
    with timed(timer):
        assert current_timer() is timer
    with pytest.raises(LookupError):
        current_timer()


def test_an_exchange_holds_its_turn_except_while_it_waits(clock):
    turn = threading.Lock()
    timer = CallTimer(Deadline(1000.0, clock), 110.0, clock, turn)
    with timed(timer):
        assert turn.locked()
        with timer.waiting_for_network():
            assert not turn.locked()
        assert turn.locked()
    assert not turn.locked()
