"""Work in a pool whose results one thread takes in, and how it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.sync.crew import Crew
from dealcache.sync.stop import CallDeadline, Reason, StoppedError, StopSign


@pytest.fixture
def stop() -> StopSign:
    return StopSign()


@pytest.fixture
def crew(stop: StopSign) -> Iterator[Crew]:
    with ThreadPoolExecutor(2) as executor, ThreadPoolExecutor(1) as ahead:
        crew = Crew(executor, ahead, 2, stop)
        yield crew
        crew.abandon()


def test_results_are_taken_in_by_the_job_s_own_thread(crew):
    seen: list[tuple[int, int]] = []
    for number in range(20):
        crew.start(lambda number=number: number, lambda result: seen.append((result, threading.get_ident())))
    crew.finish()
    assert sorted(number for number, _ in seen) == list(range(20))
    assert {thread for _, thread in seen} == {threading.get_ident()}


def test_work_that_follows_from_results_is_finished_too(crew):
    seen: list[int] = []

    def then(number: int) -> None:
        seen.append(number)
        if number < 5:
            crew.start(lambda: number + 1, then)

    crew.start(lambda: 0, then)
    crew.finish()
    assert seen == [0, 1, 2, 3, 4, 5]


def test_what_the_work_raises_reaches_the_job(crew):
    def fail() -> None:
        raise LookupError("gone")

    crew.start(fail, lambda _result: None)
    with pytest.raises(LookupError, match="gone"):
        crew.finish()


def test_settling_leaves_little_to_do(crew):
    for number in range(30):
        crew.start(lambda number=number: number, lambda _result: None)
    crew.settle()
    assert 0 < crew.pending < 4


def test_a_promise_takes_in_other_results_while_it_waits(crew):
    seen: list[str] = []
    crew.start(lambda: "other", seen.append)
    promise = crew.result(lambda: "own")
    assert promise.get() == "own"
    crew.finish()
    assert seen == ["other"]


def test_what_goes_ahead_waits_for_nothing_else(crew):
    hold = threading.Event()
    for _ in range(4):
        crew.start(hold.wait, lambda _result: None)
    assert crew.result(lambda: "first").get() == "first"
    hold.set()
    crew.finish()


def test_a_job_that_waits_notices_that_it_is_to_stop(crew, stop):
    hold = threading.Event()
    crew.start(hold.wait, lambda _result: None)
    threading.Thread(target=stop.set, args=(Reason.CANCELLED,)).start()
    with pytest.raises(StoppedError):
        crew.finish()
    hold.set()


def test_nothing_is_begun_after_the_stop(crew, stop):
    stop.set(Reason.SHUTDOWN)
    with pytest.raises(StoppedError):
        crew.start(lambda: 1, lambda _result: None)


def test_the_first_reason_stays(stop):
    stop.set(Reason.LOST)
    stop.set(Reason.CANCELLED)
    assert stop.reason is Reason.LOST


def test_a_stop_ends_the_deadline_of_calls_under_way(stop):
    deadline = CallDeadline(60, stop)
    assert deadline.remaining() > 50
    stop.set(Reason.CANCELLED)
    assert deadline.remaining() == 0
    assert deadline.expired()
