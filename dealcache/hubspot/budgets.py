"""How many calls HubSpot lets us make, shared by all threads.

HubSpot counts three things apart (developer documentation, "API usage guidelines" and "Associations v4"): searches, 5 a
second for the account; association calls, 100 to 200 in 10 s; everything else of the app, 100 to 250 in 10 s. A call
that would exceed a limit waits here instead of being refused there, because refusals count against the app too.
"""

from __future__ import annotations

import itertools
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import IntEnum, StrEnum
from typing import Protocol

from dealcache.deadline import Deadline
from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.pacing import SyncShare
from dealcache.hubspot.window import RollingWindow


class Bucket(StrEnum):
    """What HubSpot counts apart from each other."""

    SEARCH = "search"
    APP = "app"
    ASSOCIATIONS = "associations"


class Priority(IntEnum):
    """Who goes first when calls must wait: somebody's open request before the background sync.

    Between them, what is read for both: names of owners and stages, and the probe whether HubSpot answers. It waits
    for no sync, and is no sign that somebody reads deals.
    """

    INTERACTIVE = 0
    SHARED = 1
    SYNC = 2


class Budgets(Protocol):
    """What a session needs of budgets; another implementation may share them between processes."""

    def acquire(self, bucket: Bucket, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        """Wait for leave to make one call, which is made inside the returned context.

        Raises:
            RateLimited: on entering, when the wait is known to go past ``deadline``; at once, not after waiting.
        """

    def pause(self, bucket: Bucket, seconds: float) -> None:
        """Let no call of ``bucket`` start for ``seconds``: HubSpot has refused one."""

    def adopt_app_limit(self, limit: int) -> None:
        """Take over the app's limit per 10 seconds as HubSpot's answers state it."""

    def left(self, bucket: Bucket) -> int:
        """How many calls of ``bucket`` may start right now."""


#: Calls and seconds of each bucket before HubSpot has told more: the smallest of its tiers.
_LIMITS = {Bucket.SEARCH: (5, 1.0), Bucket.APP: (100, 10.0), Bucket.ASSOCIATIONS: (100, 10.0)}

#: By how much our period is longer than HubSpot's, for two clocks that do not tick alike. No more is needed: a slot is
#: held from before HubSpot can have counted the call until a period after it must have.
_MARGIN = 1.002

#: How often a waiting caller looks at its deadline, in seconds: that of a sync moves nearer when the sync is cancelled.
_LOOK_SECONDS = 0.5

#: Limits outside this range are not HubSpot's: a proxy's header of the same name, or nonsense.
_PLAUSIBLE_APP_LIMITS = range(10, 10_001)


def associations_limit(app_limit: int) -> int:
    """Calls per 10 s for associations in the tier whose app limit is ``app_limit`` ("Associations v4", limits)."""
    if app_limit >= 250:
        return 200
    return 150 if app_limit >= 150 else 100


class Budget:
    """One bucket: a rolling window that callers wait for, interactive ones first, then first come first served.

    Calls of the sync keep to their share of it besides; see :class:`~dealcache.hubspot.pacing.SyncShare`.

    Args:
        window: the window to keep.
        clock: the monotonic clock, in seconds.
        condition: makes the condition variable that callers wait on; a test passes one that obeys its own clock.
    """

    def __init__(
        self,
        window: RollingWindow,
        clock: Callable[[], float] = time.monotonic,
        condition: Callable[[], threading.Condition] = threading.Condition,
    ) -> None:
        self._window = window
        self._share = SyncShare(window)
        self._clock = clock
        self._changed = condition()
        self._queue: list[tuple[int, int]] = []
        self._tickets = itertools.count()

    @contextmanager
    def acquire(self, deadline: Deadline, priority: Priority) -> Iterator[None]:
        """Wait for a slot and hold it for the time of the context; see :class:`Budgets`."""
        self._enter(deadline, priority)
        try:
            yield
        finally:
            with self._changed:
                self._window.finish(self._clock())
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let nothing start for ``seconds``."""
        with self._changed:
            self._window.pause(self._clock() + seconds)
            self._changed.notify_all()

    def set_limit(self, limit: int) -> None:
        """Change the limit to ``limit`` calls per period."""
        with self._changed:
            if limit != self._window.limit:
                self._window.limit = limit
                self._changed.notify_all()

    def left(self) -> int:
        """How many calls may start right now."""
        with self._changed:
            return self._window.left(self._clock())

    def _enter(self, deadline: Deadline, priority: Priority) -> None:
        with self._changed:
            if priority is Priority.INTERACTIVE:
                self._share.note_reader(self._clock())
            ticket = (int(priority), next(self._tickets))
            insort(self._queue, ticket)
            try:
                while (wait := self._wait_of(ticket)) > 0.0:
                    if wait > deadline.remaining():
                        raise RateLimited("our own budget is used up", retry_after=wait)
                    self._changed.wait(min(wait, _LOOK_SECONDS))
                self._window.start()
                if priority is Priority.SYNC:
                    self._share.note_start(self._clock())
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _wait_of(self, ticket: tuple[int, int]) -> float:
        now = self._clock()
        ahead = bisect_left(self._queue, ticket)
        if ticket[0] < Priority.SYNC:
            return self._window.wait(now, ahead=ahead)
        return self._share.wait(now, ahead=ahead)


class LocalBudgets:
    """The three budgets of one process.

    Args:
        clock: the monotonic clock, in seconds.
        condition: see :class:`Budget`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        condition: Callable[[], threading.Condition] = threading.Condition,
    ) -> None:
        self._budgets = {
            bucket: Budget(RollingWindow(limit, period * _MARGIN), clock, condition)
            for bucket, (limit, period) in _LIMITS.items()
        }

    def acquire(self, bucket: Bucket, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        """See :class:`Budgets`."""
        return self._budgets[bucket].acquire(deadline, priority)

    def pause(self, bucket: Bucket, seconds: float) -> None:
        """See :class:`Budgets`."""
        self._budgets[bucket].pause(seconds)

    def adopt_app_limit(self, limit: int) -> None:
        """See :class:`Budgets`; a limit that HubSpot cannot have meant is ignored."""
        if limit in _PLAUSIBLE_APP_LIMITS:
            self._budgets[Bucket.APP].set_limit(limit)
            self._budgets[Bucket.ASSOCIATIONS].set_limit(associations_limit(limit))

    def left(self, bucket: Bucket) -> int:
        """See :class:`Budgets`."""
        return self._budgets[bucket].left()
