"""The reads of one kind of label: rarely, since labels change rarely, and at once for an id without a label."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import FIFOCache

from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.worker_pool import submit_to
from dealcache.model.deadline import Deadline

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

#: Seconds after which the labels are read again in any case.
TIME_TO_LIVE = 3600.0

#: Seconds until another try after a read that failed.
RETRY_SECONDS = 10.0

#: Seconds for one read, of all its pages. Not the deadline of the first caller, because others with more time join the
#: same read: a sync waits for a HubSpot that takes ten seconds for each answer.
READ_SECONDS = 60.0

#: Seconds until an unknown id is looked up again; the pause doubles each time, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 20.0, 3600.0

#: Unknown ids to remember; the oldest is forgotten first.
_MOST_UNKNOWN = 10_000


@dataclass(slots=True)
class _Unknown:
    due_at: float
    pause: float = FIRST_PAUSE


class LabelReads(Generic[K]):
    """The reads of one kind of label, one at a time, and the unknown ids for which they may have labels.

    Unknown ids are looked up at once, then with growing pauses, because most are gone for good.

    Args:
        what: names the kind in log lines.
        read: reads the labels within a deadline; returns True if they could be kept. Waiting callers get its exception.
        executor: runs the reads.
        clock: the monotonic clock, in seconds.
    """

    def __init__(
        self, what: str, read: Callable[[Deadline], bool], executor: Executor, clock: Callable[[], float]
    ) -> None:
        self._what = what
        self._read = read
        self._executor = executor
        self._clock = clock
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._following: Future[None] | None = None
        self._due_at = float("-inf")
        self._read_at = float("-inf")
        self._unknown: FIFOCache[K, _Unknown] = FIFOCache(_MOST_UNKNOWN)

    def postpone(self, seconds: float) -> None:
        """Let the labels count as read until ``seconds`` from now."""
        self._due_at = self._clock() + seconds

    def begin(self) -> Future[None]:
        """Return a read that begins after this call; if one is in progress, after that.

        The future is shared and must not be cancelled.
        """
        with self._lock:
            if self._running is None:
                return self._start()
            self._following = self._following or Future()
            return self._following

    def begin_if_due(self) -> list[Future[None]]:
        """Return the read in progress, or a new one if the last was long ago."""
        with self._lock:
            if self._running is not None:
                return [self._running]
            return [self._start()] if self._clock() >= self._due_at else []

    def note_unknown(self, ids: Iterable[K], now: float, pause: float) -> bool:
        """Remember unknown ids, new ones to be looked up ``pause`` after the last read; return True if one is due."""
        due_at = max(now, self._read_at + pause)
        due = [self._unknown.setdefault(one, _Unknown(due_at)).due_at <= now for one in ids]
        return any(due)

    def is_due(self, now: float, still_unknown: Callable[[frozenset[K]], frozenset[K]]) -> bool:
        """Return True if unknown ids are to be looked up now; forget those of them that have become known."""
        due = frozenset(one for one, unknown in self._unknown.items() if unknown.due_at <= now)
        still = still_unknown(due) if due else due
        for one in due - still:
            del self._unknown[one]
        return bool(still)

    def note_lookup(self, now: float) -> None:
        """Note that a read for unknown ids begins; it reads all labels, and so counts for every id."""
        for unknown in self._unknown.values():
            due = unknown.due_at <= now
            unknown.due_at = max(unknown.due_at, now + unknown.pause)
            if due:
                unknown.pause = min(LONGEST_PAUSE, unknown.pause * 2)

    def _start(self) -> Future[None]:
        read = submit_to(self._executor, self._run)
        if not read.done():  # as it is if the executor was shut down: then nothing runs
            self._running = read
        return read

    def _run(self) -> None:
        self._read_at = self._clock()
        try:
            kept = self._read(Deadline(READ_SECONDS, self._clock))
            self.postpone(TIME_TO_LIVE if kept else RETRY_SECONDS)
        except Exception as failure:
            self.postpone(RETRY_SECONDS)
            if isinstance(failure, HubSpotError):
                log.warning("the %s could not be read, the labels stay as they are: %s", self._what, failure)
            else:
                log.exception("reading the %s failed", self._what)
            raise
        finally:
            self._begin_following()

    def _begin_following(self) -> None:
        with self._lock:
            following, self._following, self._running = self._following, None, None
            if following is not None:
                self._start().add_done_callback(lambda read: _copy(read, following))


def _copy(read: Future[None], following: Future[None]) -> None:
    failure = read.exception()
    if failure is None:
        following.set_result(None)
    else:
        following.set_exception(failure)
