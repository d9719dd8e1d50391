"""Owners and pipelines: they change rarely and every deal names some, so they are read once and kept."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from dealcache.deadline import Deadline
from dealcache.deals import Pipeline
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.fanout import submitted
from dealcache.hubspot.mapping import owners_of, pipelines_of

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds for which what was read counts as current.
TIME_TO_LIVE = 3600.0

#: Seconds between two reads because of an unknown id, or after a read that failed: an owner that HubSpot itself has
#: forgotten must not cost a read per deal.
SHORTEST_INTERVAL = 60.0

#: Seconds for one read. Not the deadline of whoever asks first, since others with more time join the same read.
READ_SECONDS = 15.0


class Kept(Generic[T]):
    """One value that is read when needed, by one thread at a time, and kept.

    Args:
        what: names the value in log lines.
        read: reads it from HubSpot, within a deadline.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, what: str, read: Callable[[Deadline], T], clock: Callable[[], float]) -> None:
        self._what = what
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._reading: Future[T] | None = None
        self._value: Future[T] | None = None
        self._due_at = float("-inf")
        self._tried_at = float("-inf")

    def get(self, executor: Executor) -> Future[T]:
        """Return the value as a future: done when the value is current, else the read that is under way.

        ``executor`` makes the read when one is needed. The future is shared: cancel it and others lose it too.
        """
        with self._lock:
            if self._reading is not None and not self._reading.done():
                return self._reading
            if self._value is not None and self._clock() < self._due_at:
                return self._value
            return self._start(executor)

    def refreshed(self, executor: Executor) -> Future[T] | None:
        """Return a new read of the value, None when the last one is too fresh for another to tell more."""
        with self._lock:
            if self._reading is not None and not self._reading.done():
                return self._reading
            if self._clock() - self._tried_at < SHORTEST_INTERVAL:
                return None
            return self._start(executor)

    def _start(self, executor: Executor) -> Future[T]:
        self._tried_at = self._clock()
        self._reading = submitted(executor, self._renew)
        return self._reading

    def _renew(self) -> T:
        try:
            value = self._read(Deadline(READ_SECONDS, self._clock))
        except HubSpotError as failure:
            with self._lock:
                old = self._value
                self._due_at = self._clock() + SHORTEST_INTERVAL
            if old is None:
                raise
            # Names of an hour ago serve better than no deal at all.
            log.warning("the %s could not be read again, the old ones stay: %s", self._what, failure)
            return old.result()
        kept: Future[T] = Future()
        kept.set_result(value)
        with self._lock:
            self._value = kept
            self._due_at = self._clock() + TIME_TO_LIVE
        return value


class Directory:
    """The owners and the deal pipelines of the account; any number of threads may use it.

    Args:
        client: asks HubSpot.
        on_pipelines: is given the pipelines each time they have been read, in the reading thread, so that they can
            be stored; it must not raise, because deals are waiting.
        clock: the monotonic clock, in seconds.

    Attributes:
        owners: each owner's name by the owner's id; None for an owner without any name.
        pipelines: all pipelines of deals, in display order.
    """

    def __init__(
        self,
        client: HubSpotClient,
        on_pipelines: Callable[[tuple[Pipeline, ...]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._on_pipelines = on_pipelines
        self.owners: Kept[Mapping[str, str | None]] = Kept("owners", self._read_owners, clock)
        self.pipelines: Kept[tuple[Pipeline, ...]] = Kept("pipelines", self._read_pipelines, clock)

    def _read_owners(self, deadline: Deadline) -> Mapping[str, str | None]:
        return owners_of(self._client.list_owners(deadline, Priority.SHARED))

    def _read_pipelines(self, deadline: Deadline) -> tuple[Pipeline, ...]:
        pipelines = pipelines_of(self._client.list_pipelines(deadline, Priority.SHARED))
        if self._on_pipelines is not None:
            self._on_pipelines(pipelines)
        return pipelines
