"""Single flight: of all threads that want the same thing at the same time, one fetches it.

The first thread to ask leads; those that ask meanwhile wait for its outcome, value or error alike. Sharing the error
matters: if each waiter tried for itself after the leader failed, a failing origin would be asked once per thread, one
after the other. A flight is forgotten when it ends, so a failure is shared but never remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

from dealcache.model.deadline import Deadline

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FlightTimeoutError(Exception):
    """The leader of a flight did not finish within the waiter's time."""


class SingleFlight(Generic[K, V]):
    """Runs work once per key at a time. Thread-safe.

    Args:
        on_wait: called each time that a thread begins to wait for another thread's flight, for metrics.
    """

    def __init__(self, on_wait: Callable[[], None] = lambda: None) -> None:
        self._lock = threading.Lock()
        self._flights: dict[K, Future[V]] = {}
        self._on_wait = on_wait

    def run(
        self, keys: Iterable[K], work: Callable[[list[K]], Mapping[K, V | Exception]], deadline: Deadline
    ) -> dict[K, V | Exception]:
        """Do ``work`` for those of ``keys`` that no other thread leads, then wait for the leaders of the others.

        In this order threads that each lead what the other wants never wait for each other.

        Args:
            keys: what the work is about.
            work: called by this thread with all keys that it leads; returns the outcome of each. An exception is raised
                here, and is the outcome of all of them for waiting threads.
            deadline: until when this thread waits for others; its own work must bound itself.

        Returns:
            For each key the value, or the leader's exception; FlightTimeoutError if the time is over.
        """
        led: dict[K, Future[V]] = {}
        joined: dict[K, Future[V]] = {}
        with self._lock:
            for key in keys:
                if (flight := self._flights.get(key)) is None:
                    led[key] = self._flights[key] = Future()
                elif key not in led:
                    joined[key] = flight
        outcomes = self._lead(led, work) if led else {}
        for key, flight in joined.items():
            outcomes[key] = self._wait(flight, deadline.remaining())
        return outcomes

    def _wait(self, flight: Future[V], timeout: float) -> V | Exception:
        self._on_wait()
        try:
            return flight.result(timeout)
        except FutureTimeoutError as error:
            return error if flight.done() else FlightTimeoutError(f"no answer within {timeout:.1f} s")
        except Exception as error:  # noqa: BLE001 - an outcome like any other
            return error

    def _lead(
        self, led: Mapping[K, Future[V]], work: Callable[[list[K]], Mapping[K, V | Exception]]
    ) -> dict[K, V | Exception]:
        try:
            outcomes = dict(work(list(led)))
        except BaseException as error:
            # Includes SystemExit of a worker that is told to stop: waiters must not wait for a leader that has gone.
            self._forget(led)
            for flight in led.values():
                flight.set_exception(error)
            raise
        self._forget(led)
        for key, flight in led.items():
            outcome = outcomes[key]
            if isinstance(outcome, Exception):
                flight.set_exception(outcome)
            else:
                flight.set_result(outcome)
        return outcomes

    def _forget(self, led: Mapping[K, Future[V]]) -> None:
        with self._lock:
            for key, flight in led.items():
                if self._flights.get(key) is flight:
                    del self._flights[key]

    def detach(self, concerned: Callable[[K], bool]) -> None:
        """Let no more threads join the present flights for the concerned keys: their values are out of date.

        Threads that already wait keep waiting, because they asked before the change.
        """
        with self._lock:
            for key in [key for key in self._flights if concerned(key)]:
                del self._flights[key]
