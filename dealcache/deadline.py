"""A point in time after which a read gives up, carried down to every call it makes."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A moment on the monotonic clock by which work must be done.

    Args:
        seconds: how long from now until the deadline.
        clock: the monotonic clock, in seconds; tests pass one that they tick by hand.
    """

    __slots__ = ("_clock", "_expires_at")

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expires_at = clock() + seconds

    def remaining(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self._expires_at - self._clock())

    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0.0
