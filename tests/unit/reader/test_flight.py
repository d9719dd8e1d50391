"""Single flight: one thread works, the others share its outcome, value or error."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcache.reader.flight import FlightTimeoutError, SingleFlight


class Origin:
    """Counts its calls, and answers only when it is let."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls = 0
        self.called = threading.Event()
        self.let = threading.Event()
        self.failure = failure

    def __call__(self) -> int:
        self.calls += 1
        self.called.set()
        self.let.wait(10)
        if self.failure is not None:
            raise self.failure
        return self.calls


def fly(flights: SingleFlight, origin: Origin, threads: int) -> list[object]:
    """Let ``threads`` ask while the first one's call is under way; returns what each got."""
    waiting = threading.Semaphore(0)
    flights._on_wait = waiting.release

    def ask() -> object:
        try:
            return flights.run("key", origin, timeout=10)
        except Exception as failure:  # noqa: BLE001 - what was raised is the result under test
            return failure

    with ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(ask)]
        assert origin.called.wait(10)
        asked += [pool.submit(ask) for _ in range(threads - 1)]
        for _ in range(threads - 1):
            assert waiting.acquire(timeout=10)
        origin.let.set()
        return [one.result(10) for one in asked]


def test_fifty_threads_make_one_call_and_share_its_value():
    origin = Origin()
    assert fly(SingleFlight(), origin, 50) == [1] * 50


def test_fifty_threads_share_one_failure():
    failure = RuntimeError("origin is down")
    origin = Origin(failure)
    assert fly(SingleFlight(), origin, 50) == [failure] * 50
    assert origin.calls == 1


def test_a_failure_is_shared_but_not_remembered():
    flights: SingleFlight[str, int] = SingleFlight()
    with pytest.raises(RuntimeError):
        flights.run("key", Origin_that_fails_at_once, 1)
    assert flights.run("key", lambda: 42, 1) == 42


def Origin_that_fails_at_once() -> int:  # noqa: N802 - reads as a noun where it is used
    raise RuntimeError("no")


def test_a_waiter_waits_no_longer_than_it_may():
    flights: SingleFlight[str, int] = SingleFlight()
    origin = Origin()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(flights.run, "key", origin, 10)
        assert origin.called.wait(10)
        with pytest.raises(FlightTimeoutError):
            flights.run("key", origin, timeout=0.01)
        origin.let.set()
        assert leader.result(10) == 1


def test_a_time_out_of_the_origin_is_not_taken_for_the_waiters_own():
    origin = Origin(TimeoutError("the origin's"))
    results = fly(SingleFlight(), origin, 3)
    assert [str(one) for one in results] == ["the origin's"] * 3


def test_waiters_do_not_hang_when_the_leader_is_told_to_exit():
    origin = Origin()
    origin.failure = SystemExit(1)  # type: ignore[assignment]
    flights: SingleFlight[str, int] = SingleFlight()
    waiting = threading.Semaphore(0)
    flights._on_wait = waiting.release
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(flights.run, "key", origin, 10)
        assert origin.called.wait(10)
        waiter = pool.submit(flights.run, "key", origin, 10)
        assert waiting.acquire(timeout=10)
        origin.let.set()
        for one in (leader, waiter):
            with pytest.raises(SystemExit):
                one.result(10)


def test_nobody_joins_a_detached_flight_but_its_waiters_keep_waiting():
    flights: SingleFlight[str, int] = SingleFlight()
    old = Origin()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(flights.run, "key", old, 10)
        assert old.called.wait(10)
        flights.detach(lambda key: key == "key")
        assert flights.run("key", lambda: 99, 1) == 99
        old.let.set()
        assert leader.result(10) == 1


def test_a_detached_flight_does_not_end_its_successor():
    flights: SingleFlight[str, int] = SingleFlight()
    old, new = Origin(), Origin()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.run, "key", old, 10)
        assert old.called.wait(10)
        flights.detach(lambda _key: True)
        second = pool.submit(flights.run, "key", new, 10)
        assert new.called.wait(10)
        old.let.set()
        first.result(10)
        assert "key" in flights._flights
        new.let.set()
        second.result(10)
    assert not flights._flights


@pytest.mark.timeout(60)
@settings(max_examples=15, deadline=None)
@given(st.integers(1, 24), st.lists(st.booleans(), min_size=1, max_size=4))
def test_any_number_of_threads_and_rounds_make_one_call_per_round(threads, rounds):
    flights: SingleFlight[str, int] = SingleFlight()
    for fails in rounds:
        failure = ValueError("round failed") if fails else None
        origin = Origin(failure)
        assert fly(flights, origin, threads) == [failure if fails else 1] * threads
        assert origin.calls == 1
        assert not flights._flights
