"""Whether this process hears of invalidations, and which cached values it may trust when it does not.

While it follows the record of invalidations, what it holds in memory is no more than a moment out of date. When it has
lost every way to follow, a value that it holds may have been cleared elsewhere without its knowing. So it trusts no
value that was read before it knew that it had: such a value counts as past its time, which means that the tiers below
are asked, and that it may serve only if they all fail. What was read later is trusted. An invalidation that comes after
it stands in the record only once MongoDB is back, and then it is known here before the second is over that it may take.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: For how many seconds a process that was sure stays so: the promise of the contract, that a clear is known to every
#: worker within a second.
GRACE_SECONDS = 1.0

_ALL = float("-inf")


class Trust:
    """Knows since when this process cannot be sure.

    Args:
        clock: the wall clock, in epoch seconds, which the times of cached values are told by.
        timer: the monotonic clock, in seconds.
        grace: seconds for which one sign of life counts.
        on_sure: told the time on the wall clock up to which everything is known, each time that it is a later one.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        grace: float = GRACE_SECONDS,
        on_sure: Callable[[float], None] = lambda _at: None,
    ) -> None:
        self._clock = clock
        self._timer = timer
        self._grace = grace
        self._on_sure = on_sure
        self._following = False
        self._doubted_at = _ALL
        # The last moment at which all invalidations were known: on the monotonic clock, and on the wall clock.
        self._sure = (0.0, 0.0)

    def begin(self) -> None:
        """From now on this process follows the record. Before, nothing is promised, and everything trusted."""
        self._sure = self.moment()
        self._following = True

    def moment(self) -> tuple[float, float]:
        """The present on both clocks, to be given to :meth:`note` when all that was recorded before is known."""
        return self._timer(), self._clock()

    def note(self, moment: tuple[float, float]) -> None:
        """Everything that was recorded before ``moment`` is known here."""
        # Two threads may note at once; the earlier of two moments that lie together is no worse than the later.
        if moment[0] > self._sure[0]:
            self._sure = moment
            self._on_sure(moment[1])

    def doubt(self) -> None:
        """Nothing that was read until now is to be trusted any more: somebody may have changed anything."""
        self._doubted_at = self._clock()

    def floor(self) -> float:
        """Values read at this time or before, epoch seconds, are not to be trusted; minus infinity: all are."""
        at = self._sure
        if not self._following or self._timer() - at[0] <= self._grace:
            return self._doubted_at
        return max(self._doubted_at, at[1] + self._grace)
