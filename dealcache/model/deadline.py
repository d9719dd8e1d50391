"""The point in time after which a read gives up, passed down to every call that it makes."""

from __future__ import annotations

import time
from collections.abc import Callable

#: How often waiting callers look at their deadline, in seconds: that of a sync moves nearer when it is cancelled.
LOOK_SECONDS = 0.5


class Deadline:
    """A time on the monotonic clock by which work must be done; it has also passed once the work is cancelled.

    Args:
        seconds: how long from now until the deadline.
        clock: the monotonic clock, in seconds; tests pass one that they advance.
        is_cancelled: returns True once the work is cancelled.
    """

    __slots__ = ("_clock", "_expires_at", "_is_cancelled")

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._expires_at = clock() + seconds
        self._is_cancelled = is_cancelled

    def remaining(self) -> float:
        """Return the seconds that are left, never below 0."""
        return 0.0 if self._is_cancelled() else max(0.0, self._expires_at - self._clock())

    def part(self, share: float) -> Deadline:
        """Return the deadline at which this ``share`` of the remaining time will have passed."""
        return Deadline(self.remaining() * share, self._clock, self._is_cancelled)

    def expired(self) -> bool:
        """Return True if no time is left."""
        return self.remaining() <= 0.0
