"""Single flight: of all threads that want the same thing at the same time, one fetches it.

The first to ask leads; those who ask while it is under way wait for its outcome, value or error alike. Sharing the
error matters: were each waiter to try for itself when the leader fails, a failing origin would be asked once per
thread, one after the other. A flight is forgotten when it ends, so a failure is shared but never remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

from dealcache.deadline import Deadline

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FlightTimeoutError(Exception):
    """The leader of a flight did not end within the time that a waiter had."""


class SingleFlight(Generic[K, V]):
    """Runs work once per key at a time.

    Args:
        on_wait: called each time that a thread begins to wait for another one's flight, for metrics.
    """

    def __init__(self, on_wait: Callable[[], None] = lambda: None) -> None:
        self._lock = threading.Lock()
        self._flights: dict[K, Future[V]] = {}
        self._on_wait = on_wait

    def run(self, key: K, work: Callable[[], V], timeout: float) -> V:
        """Do ``work``, or wait for the thread that is doing it for the same ``key``.

        Args:
            key: what the work is about.
            work: done by the leader, in its own thread.
            timeout: how long a waiter waits at most, in seconds; the leader's work must bound itself.

        Returns:
            What ``work`` returned, to the leader and to all waiters.

        Raises:
            FlightTimeoutError: to a waiter whose time is over.
            Exception: whatever ``work`` raised, to the leader and to all waiters.
        """
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if leads:
            return self._lead(key, flight, work)
        return self._wait(flight, timeout)

    def run_many(
        self, keys: Iterable[K], work: Callable[[list[K]], Mapping[K, V | Exception]], deadline: Deadline
    ) -> dict[K, V | Exception]:
        """Do ``work`` for those of ``keys`` that no thread is at, and then wait for those that are at the others.

        In this order, so that threads which each lead what the other wants never wait for each other.

        Args:
            keys: what the work is about.
            work: done by this thread for all keys that it leads, which it is given; tells what came of each.
            deadline: until when this thread waits for others; its own work must bound itself.

        Returns:
            For each key what :meth:`run` would have returned or raised.
        """
        led: dict[K, Future[V]] = {}
        joined: dict[K, Future[V]] = {}
        with self._lock:
            for key in dict.fromkeys(keys):
                if key in self._flights:
                    joined[key] = self._flights[key]
                else:
                    led[key] = self._flights[key] = Future()
        outcomes = self._lead_many(led, work) if led else {}
        for key, flight in joined.items():
            try:
                outcomes[key] = self._wait(flight, deadline.remaining())
            except Exception as error:  # noqa: BLE001 - an outcome like any other
                outcomes[key] = error
        return outcomes

    def _wait(self, flight: Future[V], timeout: float) -> V:
        self._on_wait()
        try:
            return flight.result(timeout)
        except FutureTimeoutError:
            if flight.done():
                raise
            raise FlightTimeoutError(f"no answer within {timeout:.1f} s") from None

    def _lead_many(
        self, led: Mapping[K, Future[V]], work: Callable[[list[K]], Mapping[K, V | Exception]]
    ) -> dict[K, V | Exception]:
        try:
            outcomes = dict(work(list(led)))
        except BaseException as error:
            for key, flight in led.items():
                self._forget(key, flight)
                flight.set_exception(error)
            raise
        for key, flight in led.items():
            self._forget(key, flight)
            outcome = outcomes[key]
            if isinstance(outcome, Exception):
                flight.set_exception(outcome)
            else:
                flight.set_result(outcome)
        return outcomes

    def _lead(self, key: K, flight: Future[V], work: Callable[[], V]) -> V:
        try:
            value = work()
        except BaseException as error:
            # Also SystemExit of a worker that is told to stop: waiters must not wait for a leader that has gone.
            self._forget(key, flight)
            flight.set_exception(error)
            raise
        self._forget(key, flight)
        flight.set_result(value)
        return value

    def _forget(self, key: K, flight: Future[V]) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def detach(self, concerned: Callable[[K], bool]) -> None:
        """Let nobody join the flights that are under way for the concerned keys: what they bring is out of date.

        Those who wait already keep waiting, for they asked before the change.
        """
        with self._lock:
            for key in [key for key in self._flights if concerned(key)]:
                del self._flights[key]
