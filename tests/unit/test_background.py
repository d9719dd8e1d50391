"""The promises of all background threads, with a clock that tests advance."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from dealcache.background import BackgroundThread, wait_for_wake
from tests.clocks import ManualWait


class Down(Exception):  # noqa: N818 - short for the tests
    """A failure that is expected."""


class Rounds:
    """Work that tells of its rounds, and does in them what the test says."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[int] = SimpleQueue()
        self.does: Callable[[], float | None] = lambda: None
        self.count = 0

    def __call__(self) -> float | None:
        self.count += 1
        self.begun.put(self.count)
        return self.does()

    def fail(self, failure: Exception) -> None:
        def fails() -> None:
            raise failure

        self.does = fails


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


@pytest.fixture
def time() -> ManualWait:
    return ManualWait()


Make = Callable[..., BackgroundThread]


@pytest.fixture
def make(rounds: Rounds, time: ManualWait) -> Iterator[Make]:
    made: list[BackgroundThread] = []

    def make_thread(interval: float | None = 5.0, **options: object) -> BackgroundThread:
        made.append(BackgroundThread("work", rounds, interval, expected=(Down,), wait=time, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make_thread
    for one in made:
        assert one.stop(10)


def test_the_first_round_comes_at_once_and_each_other_one_after_the_interval(make, rounds, time):
    make().start()
    assert rounds.begun.get(timeout=60) == 1
    assert time.begun() == 5.0
    time.tick(4.9)
    assert rounds.begun.empty()
    time.tick(0.1)
    assert rounds.begun.get(timeout=60) == 2


def test_the_first_round_can_be_put_off(make, rounds, time):
    make().start(delay=3.0)
    assert (time.begun(), rounds.count) == (3.0, 0)
    time.tick(3.0)
    assert rounds.begun.get(timeout=60) == 1


def test_the_first_round_can_wait_for_a_wake(make, rounds, time):
    thread = make()
    thread.start(delay=None)
    assert (time.begun(), rounds.count) == (None, 0)
    thread.wake()
    assert time.begun() == 5.0
    assert rounds.count == 1


def test_a_round_can_say_when_the_next_one_is_due(make, rounds, time):
    rounds.does = lambda: 0.5
    make().start()
    assert time.begun() == 0.5


def test_without_an_interval_only_a_wake_brings_a_round(make, rounds, time):
    thread = make(None)
    thread.start()
    assert time.begun() is None
    thread.wake()
    assert time.begun() is None
    assert rounds.count == 2


def test_wakes_during_a_round_bring_one_more(make, rounds, time):
    thread = make(None)
    going_on = threading.Event()
    rounds.does = lambda: going_on.wait(60) and None
    thread.start()
    rounds.begun.get(timeout=60)
    for _ in range(3):
        thread.wake()
    going_on.set()
    time.begun(), time.begun()
    assert rounds.count == 2


def test_an_expected_failure_is_told_of_once_until_it_is_over(make, rounds, caplog):
    caplog.set_level(logging.INFO, "dealcache.background")
    thread = make()
    rounds.fail(Down("no server"))
    assert [thread.run_once() for _ in range(3)] == [5.0] * 3
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "work failed and is tried again: no server")
    ]
    rounds.does = lambda: None
    thread.run_once()
    thread.run_once()
    assert [one.getMessage() for one in caplog.records][1:] == ["work works again"]
    rounds.fail(Down("no server"))
    thread.run_once()
    assert len(caplog.records) == 3


def test_a_fault_of_our_own_is_logged_with_its_traceback_and_ends_nothing(make, rounds, time, caplog):
    rounds.fail(KeyError("bug"))
    make(retry_after=1.0).start()
    assert time.begun() == 1.0
    time.tick(1.0)
    assert time.begun() == 1.0
    assert rounds.count == 2
    assert [one.exc_info[0] for one in caplog.records] == [KeyError] * 2


def test_failures_in_a_row_are_followed_by_growing_pauses(make, rounds):
    thread = make(retry_after=2.0, longest_retry=7.0)
    rounds.fail(Down())
    assert [thread.run_once() for _ in range(4)] == [2.0, 4.0, 7.0, 7.0]
    rounds.does = lambda: None
    assert thread.run_once() == 5.0
    rounds.fail(Down())
    assert thread.run_once() == 2.0


def test_a_stop_ends_the_wait_and_no_round_follows(make, rounds, time):
    thread = make(None)
    thread.start()
    time.begun()
    assert thread.stop(10)
    thread.wake()
    thread.start()
    assert rounds.count == 1


def test_a_stop_waits_no_longer_than_it_is_told_to(make, rounds):
    thread = make()
    going_on = threading.Event()
    rounds.does = lambda: going_on.wait(60) and None
    thread.start()
    rounds.begun.get(timeout=60)
    assert not thread.stop(0.0)
    assert thread.is_stopping
    going_on.set()
    assert thread.stop(10)


def test_what_fails_because_everything_is_being_closed_is_no_failure(make, rounds, caplog):
    thread = make()

    def closed() -> None:
        thread.stop(0.0)
        raise Down("closed")

    rounds.does = closed
    thread.run_once()
    assert caplog.records == []


def test_stop_without_start_is_no_error(make):
    assert make().stop()


def test_real_time_passes_too():
    wakes: SimpleQueue[None] = SimpleQueue()
    wait_for_wake(wakes, 0.001)
    wakes.put(None)
    wait_for_wake(wakes, None)
    assert wakes.empty()


def test_the_thread_keeps_no_process_alive(make, time):
    make().start()
    time.begun()
    assert next(one for one in threading.enumerate() if one.name == "work").daemon
