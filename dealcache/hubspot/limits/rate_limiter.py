"""Rate limiters, each with a priority queue: interactive calls first, then first come first served."""

from __future__ import annotations

import itertools
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.limits.buckets import LIMITS, Bucket, Priority, limits_of_tier
from dealcache.hubspot.limits.sliding_window import Caller, SlidingWindow
from dealcache.model.deadline import LOOK_SECONDS, Deadline

if TYPE_CHECKING:
    from dealcache.hubspot.limits.shared_window import SharedWindow  # needs an extra


class RateLimiter:
    """Lets the calls of one bucket start, one after the other, as its window allows. Thread-safe.

    Args:
        window: decides which calls may start; used under this limiter's lock.
        clock: the monotonic clock, in seconds.
        condition: makes the condition variable that callers wait on; a test passes one that obeys its own clock.
    """

    def __init__(
        self,
        window: SlidingWindow | SharedWindow,
        clock: Callable[[], float] = time.monotonic,
        condition: Callable[[], threading.Condition] = threading.Condition,
    ) -> None:
        self._window = window
        self._clock = clock
        self._changed = condition()
        self._queue: list[Caller] = []
        self._numbers = itertools.count()

    @contextmanager
    def acquire(self, deadline: Deadline, priority: Priority) -> Iterator[None]:
        """Wait for permission to make one call, which is made inside the returned context.

        Raises:
            RateLimited: on entering, when the wait is known to go past ``deadline``; at once, not after waiting.
        """
        caller = self._enter(deadline, priority)
        try:
            yield
        finally:
            with self._changed:
                # No caller needs to be woken: the slot frees a period from now, and all callers check again before
                # that.
                self._window.finish(self._clock(), caller)

    def pause(self, seconds: float) -> None:
        """Let nothing start for ``seconds``, because HubSpot has refused a call."""
        with self._changed:
            self._window.pause(self._clock(), seconds)
            self._changed.notify_all()

    def set_limit(self, limit: int) -> None:
        """Change the limit to ``limit`` calls per period."""
        with self._changed:
            self._window.set_limit(self._clock(), limit)
            self._changed.notify_all()

    def left(self) -> int:
        """Return how many calls may start right now, or might have a moment ago."""
        with self._changed:
            return self._window.left(self._clock())

    @property
    def limit(self) -> int:
        """The number of calls that all workers together may start per period."""
        return self._window.account_limit

    def _enter(self, deadline: Deadline, priority: Priority) -> Caller:
        with self._changed:
            caller = Caller(priority, next(self._numbers))
            insort(self._queue, caller)
            try:
                self._wait(caller, deadline)
            finally:
                self._queue.remove(caller)
                self._changed.notify_all()
        return caller

    def _wait(self, caller: Caller, deadline: Deadline) -> None:
        """Wait until ``caller`` is the first of the queue and has started."""
        served_at = look_at = float("-inf")
        while True:
            now = self._clock()
            ahead = bisect_left(self._queue, caller)
            if ahead == 0:
                wait = self._window.try_start(now, caller)
                if wait <= 0.0:
                    return
                served_at, look_at = now + wait, now + min(wait, LOOK_SECONDS)
            elif now >= look_at:
                # Not at each change of the queue: asking may be a round trip.
                served_at, look_at = now + self._window.wait(now, caller, ahead), now + LOOK_SECONDS
            if served_at - now > deadline.remaining():
                raise RateLimited("our own rate limit is used up", retry_after=served_at - now)
            self._changed.wait(look_at - now)


#: The limiters of all buckets.
RateLimits = Mapping[Bucket, RateLimiter]


def adopt_app_limit(rate_limits: RateLimits, limit: int) -> None:
    """Take over the app's limit per 10 seconds as HubSpot states it, unless HubSpot cannot have meant it."""
    for bucket, calls in limits_of_tier(limit).items():
        rate_limits[bucket].set_limit(calls)


def local_rate_limits(
    clock: Callable[[], float] = time.monotonic,
    condition: Callable[[], threading.Condition] = threading.Condition,
    workers: Callable[[], int] = lambda: 1,
) -> RateLimits:
    """Return the limits of a worker that knows only how many others there are: each keeps to its fair share."""
    return {bucket: RateLimiter(SlidingWindow(*LIMITS[bucket], workers), clock, condition) for bucket in Bucket}
