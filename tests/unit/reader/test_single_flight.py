"""Single flight: one thread works, the others share its outcome, value or error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcache.model.deadline import Deadline
from dealcache.reader.single_flight import FlightTimeoutError, SingleFlight


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
        self.let.wait(60)
        if self.failure is not None:
            raise self.failure
        return self.calls


def run_one(flights: SingleFlight, key: str, work: Callable[[], object], timeout: float) -> object:
    """Work for one key; raises what the leader raised."""
    outcome = flights.run([key], lambda _led: {key: work()}, Deadline(timeout))[key]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def fly(flights: SingleFlight, origin: Origin, threads: int) -> list[object]:
    """Let ``threads`` ask while the first one's call is under way; returns what each got."""
    waiting = threading.Semaphore(0)
    flights._on_wait = waiting.release

    def ask() -> object:
        try:
            return run_one(flights, "key", origin, timeout=60)
        except Exception as failure:  # noqa: BLE001 - what was raised is the result under test
            return failure

    with ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(ask)]
        assert origin.called.wait(60)
        asked += [pool.submit(ask) for _ in range(threads - 1)]
        for _ in range(threads - 1):
            assert waiting.acquire(timeout=60)
        origin.let.set()
        return [one.result(60) for one in asked]


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
        run_one(flights, "key", Origin_that_fails_at_once, 1)
    assert run_one(flights, "key", lambda: 42, 1) == 42


def Origin_that_fails_at_once() -> int:  # noqa: N802 - reads as a noun where it is used
    raise RuntimeError("no")


def test_a_waiter_waits_no_longer_than_it_may():
    flights: SingleFlight[str, int] = SingleFlight()
    origin = Origin()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(run_one, flights, "key", origin, 10)
        assert origin.called.wait(60)
        with pytest.raises(FlightTimeoutError):
            run_one(flights, "key", origin, timeout=0.01)
        origin.let.set()
        assert leader.result(60) == 1


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
        leader = pool.submit(run_one, flights, "key", origin, 10)
        assert origin.called.wait(60)
        waiter = pool.submit(run_one, flights, "key", origin, 10)
        assert waiting.acquire(timeout=60)
        origin.let.set()
        for one in (leader, waiter):
            with pytest.raises(SystemExit):
                one.result(60)


def test_nobody_joins_a_detached_flight_but_its_waiters_keep_waiting():
    flights: SingleFlight[str, int] = SingleFlight()
    old = Origin()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(run_one, flights, "key", old, 10)
        assert old.called.wait(60)
        flights.detach(lambda key: key == "key")
        assert run_one(flights, "key", lambda: 99, 1) == 99
        old.let.set()
        assert leader.result(60) == 1


def test_a_detached_flight_does_not_end_its_successor():
    flights: SingleFlight[str, int] = SingleFlight()
    old, new = Origin(), Origin()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run_one, flights, "key", old, 10)
        assert old.called.wait(60)
        flights.detach(lambda _key: True)
        second = pool.submit(run_one, flights, "key", new, 10)
        assert new.called.wait(60)
        old.let.set()
        first.result(60)
        assert "key" in flights._flights
        new.let.set()
        second.result(60)
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


def fly_many(flights: SingleFlight, keys: str, works: list[list[str]], **failing: Exception) -> dict[str, object]:
    """Return what comes of several keys; ``works`` notes for which of them this thread worked."""

    def work(led: list[str]) -> dict[str, object]:
        works.append(led)
        return {key: failing.get(key, key.upper()) for key in led}

    return flights.run(keys, work, Deadline(10))


def test_a_thread_works_once_for_all_keys_that_nobody_is_at():
    works: list[list[str]] = []
    failure = RuntimeError("no")
    assert fly_many(SingleFlight(), "abcab", works, b=failure) == {"a": "A", "b": failure, "c": "C"}
    assert works == [["a", "b", "c"]]
    assert fly_many(SingleFlight(), "", works) == {}
    assert len(works) == 1


@pytest.mark.parametrize("failure", [None, RuntimeError("origin is down")], ids=["value", "failure"])
def test_keys_that_others_are_at_are_waited_for_after_the_own_work(failure: Exception | None):
    flights, origin, works = SingleFlight(), Origin(failure), []
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(run_one, flights, "key", origin, 10)
        assert origin.called.wait(60)
        waiting = threading.Event()
        flights._on_wait = waiting.set
        many = pool.submit(flights.run, ["key", "a"], lambda led: works.append(led) or {"a": 2}, Deadline(10))
        assert waiting.wait(60)
        assert works == [["a"]]
        origin.let.set()
        assert many.result(60) == {"a": 2, "key": failure or 1}
        assert other.exception(10) is failure


def test_those_who_join_one_of_many_get_its_own_outcome():
    flights, let, began = SingleFlight(), threading.Event(), threading.Event()
    failure = RuntimeError("only this one")

    def work(_led: list[str]) -> dict[str, object]:
        began.set()
        let.wait(60)
        return {"a": 1, "b": failure}

    waiting = threading.Semaphore(0)
    flights._on_wait = waiting.release
    with ThreadPoolExecutor(3) as pool:
        many = pool.submit(flights.run, "ab", work, Deadline(10))
        assert began.wait(60)
        joined = [pool.submit(run_one, flights, key, lambda: pytest.fail("somebody is at it"), 10) for key in "ab"]
        for _ in joined:
            assert waiting.acquire(timeout=60)
        let.set()
        assert many.result(60) == {"a": 1, "b": failure}
        assert joined[0].result(60) == 1
        assert joined[1].exception(10) is failure


def test_two_threads_that_each_lead_what_the_other_wants_do_not_wait_for_each_other():
    flights, first_leads, second_leads = SingleFlight(), threading.Event(), threading.Event()

    def work(mine: threading.Event, others: threading.Event, led: list[str]) -> dict[str, object]:
        mine.set()
        assert others.wait(60)
        return {key: key.upper() for key in led}

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.run, "ab", partial(work, first_leads, second_leads), Deadline(10))
        assert first_leads.wait(60)
        second = pool.submit(flights.run, "bca", partial(work, second_leads, first_leads), Deadline(10))
        assert first.result(60) == {"a": "A", "b": "B"}
        assert second.result(60) == {"c": "C", "b": "B", "a": "A"}


def test_work_that_breaks_off_releases_all_who_joined_it():
    flights, began = SingleFlight(), threading.Event()
    waiting = threading.Event()
    flights._on_wait = waiting.set

    def work(_led: list[str]) -> dict[str, object]:
        began.set()
        assert waiting.wait(60)
        raise SystemExit

    with ThreadPoolExecutor(2) as pool:
        many = pool.submit(flights.run, "ab", work, Deadline(10))
        assert began.wait(60)
        joined = pool.submit(run_one, flights, "b", lambda: 1, 10)
        assert isinstance(many.exception(10), SystemExit)
        assert isinstance(joined.exception(10), SystemExit)
    assert run_one(flights, "a", lambda: 2, 10) == 2
