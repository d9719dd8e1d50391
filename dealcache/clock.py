"""The time of another machine, so that one clock orders the records of several hosts.

Hosts' clocks differ, and are set back and forth. So a time of one host is never compared with that of another, or with
an earlier one of its own wall clock: all use MongoDB's time, as stated in its answers, extrapolated by the monotonic
clock, which is never set. Likewise all times sent to HubSpot use HubSpot's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class RemoteClock:
    """The wall clock of another machine, in epoch seconds; the host's own until it is known. Thread-safe.

    An answer with the time was made between the sending of its request and its arrival. Within that uncertainty the
    clock is not changed, so that it neither jitters nor goes back because of a slow answer.

    Args:
        wall: the host's wall clock, read once.
        timer: the monotonic clock, in seconds.

    ``now`` is a function that returns the same as a call of the clock in half the time, which counts in each hit.
    """

    __slots__ = ("_shift", "is_known", "now", "timer")

    def __init__(self, wall: Callable[[], float] = time.time, timer: Callable[[], float] = time.monotonic) -> None:
        self.timer = timer
        self.is_known = False
        offset = wall() - timer()

        def now() -> float:
            return timer() + offset

        def shift(lowest: float, highest: float) -> None:
            nonlocal offset
            offset = min(max(offset, lowest), highest) if self.is_known else (lowest + highest) / 2

        self.now = now
        self._shift = shift

    def __call__(self) -> float:
        """Return the present, in epoch seconds."""
        return self.now()

    def synchronize(self, at: float, sent: float, precision: float = 0.001) -> None:
        """Set the clock by an answer that has just arrived.

        Args:
            at: the time in the answer, epoch seconds.
            sent: when the request was sent, by ``timer``.
            precision: by how much the time may be truncated, in seconds.
        """
        lowest, highest = at - self.timer(), at + precision - sent
        if lowest <= highest:  # a monotonic clock does not go back
            self._shift(lowest, highest)
            self.is_known = True
