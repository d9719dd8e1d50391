"""The arithmetic of a rolling window: how many calls may start now, and when the next may.

HubSpot counts a call when it arrives there, which is some unknown time after it left here and before its answer came
back. So a call occupies its slot from its start until a full period after its answer: whatever the network did in
between, HubSpot can never see more than the limit in any period. A period counted from the start instead would let a
slow first call and a quick next one arrive too close together.

Nothing here waits, locks or reads a clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

#: Seconds by which two readings of the clock may differ and still be the same moment: sums of floats are not exact.
SAME_MOMENT = 1e-6


class RollingWindow:
    """At most ``limit`` calls in any ``period`` seconds.

    Args:
        limit: calls per period; may be changed at any time.
        period: seconds, a safety margin included.
    """

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self._in_flight = 0
        self._answered: deque[float] = deque()
        self._paused_until = float("-inf")

    def left(self, now: float) -> int:
        """How many calls may start at ``now``, 0 while paused."""
        if self._paused_until - now > SAME_MOMENT:
            return 0
        return max(0, self.limit - self.used(now))

    def wait(self, now: float, *, ahead: int = 0, reserve: int = 0) -> float:
        """Say how long a caller must wait at least.

        Args:
            now: the present, in seconds of a monotonic clock.
            ahead: how many other callers will be served first.
            reserve: slots that this caller must leave free.

        Returns:
            Seconds, 0.0 when the caller may start now. While calls are under way it is a lower bound, because nobody
            knows when they will be answered.
        """
        pause = max(0.0, self._paused_until - now)
        turn = max(pause, self._until_free(now, self.used(now) + ahead - (self.limit - reserve)))
        return turn if turn > SAME_MOMENT else 0.0

    def used(self, now: float) -> int:
        """How many slots are occupied at ``now``."""
        self._forget(now)
        return self._in_flight + len(self._answered)

    def start(self) -> None:
        """Occupy a slot: a call begins."""
        self._in_flight += 1

    def finish(self, now: float) -> None:
        """Note that a call that was started is over; its slot frees one period after ``now``."""
        self._in_flight -= 1
        self._answered.append(now)

    def pause(self, until: float) -> None:
        """Let nothing start before ``until``; a shorter pause never cuts a longer one."""
        self._paused_until = max(self._paused_until, until)

    def frees(self, now: float) -> list[float]:
        """When each of the occupied slots frees, in ascending order; of a call under way, if it were answered now."""
        self._forget(now)
        return [moment + self.period for moment in (*self._answered, *[now] * self._in_flight)]

    def restart(self, answered: Iterable[float]) -> None:
        """Forget all calls, also those under way, and count others that were answered at these moments, in order."""
        self._in_flight = 0
        self._answered = deque(answered)

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] + self.period <= now + SAME_MOMENT:
            self._answered.popleft()

    def _until_free(self, now: float, surplus: int) -> float:
        """Seconds until the slot with the index ``surplus`` frees, 0.0 for a negative index.

        Slots free in the order of their answers; those of calls under way, and those that callers ahead are about to
        take, come last. Each that frees is taken again by someone ahead and frees anew a period later.
        """
        if surplus < 0:
            return 0.0
        rounds, index = divmod(surplus, max(1, self.limit, self.used(now)))
        base = self._answered[index] if index < len(self._answered) else now
        return base + self.period * (rounds + 1) - now
