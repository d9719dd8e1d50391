"""Calls in an executor whose results one thread handles; the loader's tests have more on deadline and limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from dealcache.hubspot.errors import NotFound, TimedOut, Unavailable
from dealcache.hubspot.worker_pool import WorkerPool, submit_to
from dealcache.model.deadline import Deadline


class StoppedError(Exception):
    pass


class Stop:
    def __init__(self) -> None:
        self.asked = threading.Event()

    def check(self) -> None:
        if self.asked.is_set():
            raise StoppedError


@pytest.fixture
def stop() -> Stop:
    return Stop()


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.fixture
def pool(executor: Executor, stop: Stop) -> Iterator[WorkerPool]:
    with ThreadPoolExecutor(1) as ahead:
        made = WorkerPool(executor, 4, ahead=ahead, check_stop=stop.check)
        yield made
        made.cancel_all()


def ignore(_result: object) -> None:
    pass


def test_results_are_handled_in_the_caller_s_own_thread(pool):
    seen: list[tuple[int, int]] = []
    for number in range(20):
        pool.submit(lambda number=number: number, lambda result: seen.append((result, threading.get_ident())))
    pool.wait_all()
    assert sorted(number for number, _ in seen) == list(range(20))
    assert {thread for _, thread in seen} == {threading.get_ident()}


def test_calls_that_follow_from_results_are_awaited_too(pool):
    seen: list[int] = []

    def on_result(number: int) -> None:
        seen.append(number)
        if number < 5:
            pool.submit(lambda: number + 1, on_result)

    pool.submit(lambda: 0, on_result)
    pool.wait_all()
    assert seen == [0, 1, 2, 3, 4, 5]


def test_an_unexpected_exception_reaches_the_caller(pool):
    def fail() -> None:
        raise LookupError("gone")

    pool.submit(fail, ignore, ignore)
    with pytest.raises(LookupError, match="gone"):
        pool.wait_all()


def test_hubspot_s_failure_goes_to_its_handler_or_to_the_caller(pool):
    failures: list[Exception] = []

    def refuse(_result: object = None) -> None:
        raise NotFound("gone")

    pool.submit(refuse, ignore, failures.append)
    pool.submit(lambda: 1, refuse, failures.append)
    pool.wait_all()
    assert [str(one) for one in failures] == ["gone", "gone"]
    pool.submit(refuse, ignore)
    with pytest.raises(NotFound):
        pool.wait_all()
    with pytest.raises(NotFound):
        pool.call(refuse)


def test_waiting_for_room_leaves_little_to_do(pool):
    for number in range(30):
        pool.submit(lambda number=number: number, ignore)
    assert pool.pending == 30
    pool.wait_for_room()
    assert 0 < pool.pending < 4


def test_a_call_that_comes_first_overtakes_those_that_queue():
    hold = threading.Event()
    served: list[str] = []
    with ThreadPoolExecutor(1) as executor:
        pool = WorkerPool(executor, 1)
        pool.submit(hold.wait, ignore)
        pool.submit(lambda: "queued", served.append)
        pool.submit(lambda: "first", served.append, first=True)
        hold.set()
        pool.wait_all()
    assert served == ["first", "queued"]


def test_a_call_handles_other_results_while_it_waits(pool):
    seen: list[str] = []
    pool.submit(lambda: "other", seen.append)
    assert pool.call(lambda: "own") == "own"
    pool.wait_all()
    assert seen == ["other"]


def test_a_call_ahead_waits_for_no_other(pool):
    hold = threading.Event()
    for _ in range(4):
        pool.submit(hold.wait, ignore)
    assert pool.call(lambda: "first") == "first"
    hold.set()
    pool.wait_all()


def test_a_caller_that_waits_notices_that_it_is_to_stop(pool, stop):
    hold = threading.Event()
    pool.submit(hold.wait, ignore)
    threading.Thread(target=stop.asked.set).start()
    with pytest.raises(StoppedError):
        pool.wait_all()
    hold.set()


def test_nothing_is_begun_after_the_stop(pool, stop):
    stop.asked.set()
    with pytest.raises(StoppedError):
        pool.submit(lambda: 1, ignore)
    with pytest.raises(StoppedError):
        pool.submit(lambda: 1, ignore, ahead=True)


def test_at_the_deadline_everything_awaited_fails_and_what_waits_is_not_begun(executor):
    hold, begun = threading.Event(), []
    failures: list[Exception] = []
    pool = WorkerPool(executor, 1, Deadline(0))
    pool.submit(hold.wait, ignore, failures.append)
    pool.submit(lambda: begun.append(1), ignore, failures.append)
    pool.wait_all()
    hold.set()
    assert [type(one) for one in failures] == [TimedOut, TimedOut]
    assert (pool.pending, begun) == (0, [])


def test_a_call_that_no_thread_takes_says_what_the_executor_said(executor):
    executor.shutdown()
    failure = submit_to(executor, int).exception(0)
    assert isinstance(failure, Unavailable)
    assert "after shutdown" in str(failure.__cause__)


def test_a_call_fails_when_the_executor_was_shut_down(executor, pool):
    executor.shutdown()
    failures: list[Exception] = []
    pool.submit(lambda: 1, ignore, failures.append)
    pool.wait_all()
    assert [type(one) for one in failures] == [Unavailable]
