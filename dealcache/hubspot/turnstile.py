"""The queue before each bucket: interactive callers first, then first come first served."""

from __future__ import annotations

import itertools
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Bucket, Priority, limits_of_tier
from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.slots import Caller, Slots

#: How often a waiting caller looks at its deadline, in seconds: that of a sync moves nearer when the sync is cancelled.
LOOK_SECONDS = 0.5


class Turnstile:
    """Lets the callers of one bucket through, one after the other, as the slots allow.

    Args:
        slots: say who may start; used under this turnstile's lock.
        clock: the monotonic clock, in seconds.
        condition: makes the condition variable that callers wait on; a test passes one that obeys its own clock.
    """

    def __init__(
        self,
        slots: Slots,
        clock: Callable[[], float] = time.monotonic,
        condition: Callable[[], threading.Condition] = threading.Condition,
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._changed = condition()
        self._queue: list[Caller] = []
        self._numbers = itertools.count()

    @contextmanager
    def acquire(self, deadline: Deadline, priority: Priority) -> Iterator[None]:
        """Wait for a slot and hold it for the time of the context; see :class:`~dealcache.hubspot.budgets.Budgets`."""
        caller = self._enter(deadline, priority)
        try:
            yield
        finally:
            with self._changed:
                # Nobody needs to be woken: the slot frees a period from now, and all look again before that.
                self._slots.finish(self._clock(), caller)

    def pause(self, seconds: float) -> None:
        """Let nothing start for ``seconds``."""
        with self._changed:
            self._slots.pause(self._clock(), seconds)
            self._changed.notify_all()

    def set_limit(self, limit: int) -> None:
        """Change the limit to ``limit`` calls per period."""
        with self._changed:
            self._slots.set_limit(self._clock(), limit)
            self._changed.notify_all()

    def left(self) -> int:
        """How many calls may start right now."""
        with self._changed:
            return self._slots.left(self._clock())

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
                wait = self._slots.take(now, caller)
                if wait <= 0.0:
                    return
                served_at, look_at = now + wait, now + min(wait, LOOK_SECONDS)
            elif now >= look_at:
                # Not at each change of the queue: to ask may be a round trip.
                served_at, look_at = now + self._slots.wait(now, caller, ahead), now + LOOK_SECONDS
            if served_at - now > deadline.remaining():
                raise RateLimited("our own budget is used up", retry_after=served_at - now)
            self._changed.wait(look_at - now)


class Turnstiles:
    """A turnstile for each bucket: :class:`~dealcache.hubspot.budgets.Budgets`, whatever slots they count with.

    Args:
        turnstiles: one for each bucket.
    """

    def __init__(self, turnstiles: Mapping[Bucket, Turnstile]) -> None:
        self._turnstiles = turnstiles

    def acquire(self, bucket: Bucket, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        """See :class:`~dealcache.hubspot.budgets.Budgets`."""
        return self._turnstiles[bucket].acquire(deadline, priority)

    def pause(self, bucket: Bucket, seconds: float) -> None:
        """See :class:`~dealcache.hubspot.budgets.Budgets`."""
        self._turnstiles[bucket].pause(seconds)

    def adopt_app_limit(self, limit: int) -> None:
        """See :class:`~dealcache.hubspot.budgets.Budgets`; a limit that HubSpot cannot have meant is ignored."""
        for bucket, calls in limits_of_tier(limit).items():
            self._turnstiles[bucket].set_limit(calls)

    def left(self, bucket: Bucket) -> int:
        """See :class:`~dealcache.hubspot.budgets.Budgets`."""
        return self._turnstiles[bucket].left()
