"""The invalidation watermark: up to when this process has heard of all invalidations.

While it follows the invalidation log, what it holds in memory is no more than a moment out of date. When it has lost
every way to follow, a value that it holds may have been cleared elsewhere unheard. So it does not trust values that
were read before it noticed: such a value counts as past its time, which means that the tiers below are asked, and that
it may serve only if they all fail. What was read later is trusted. An invalidation that comes after it stands in the
log only once MongoDB is back, and then it is known here before the second is over that it may take.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: For how many seconds a process that heard everything goes on being sure of that: the promise of the contract, that a
#: clear is known to every worker within a second.
GRACE_SECONDS = 1.0

_ALL = float("-inf")


class InvalidationWatermark:
    """Knows whether invalidations are heard, and since when not.

    Args:
        clock: the wall clock, in epoch seconds, which the times of cached values are told by.
        timer: the monotonic clock, in seconds.
        grace: seconds for which one :meth:`note` counts.
        on_sure: called with the time on the wall clock up to which everything is known, whenever that advances.
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
        """Follow the log from now on. Before, nothing is promised, and everything trusted."""
        self._sure = self.moment()
        self._following = True

    def moment(self) -> tuple[float, float]:
        """Return the present on both clocks, to be given to :meth:`note` when all that was recorded before is known."""
        return self._timer(), self._clock()

    def note(self, moment: tuple[float, float]) -> None:
        """Everything that was recorded before ``moment`` is known here."""
        # Two threads may note at once; the earlier of two moments that lie together is no worse than the later.
        if moment[0] > self._sure[0]:
            self._sure = moment
            self._on_sure(moment[1])

    def doubt(self) -> None:
        """Trust nothing any more that was read until now: anything may have been changed."""
        self._doubted_at = self._timer()

    def floor(self) -> float:
        """Return the time, epoch seconds, up to which values were read that are not to be trusted; -inf if all are."""
        at = self._sure
        now = self._timer()
        doubted_at = self._doubted_at
        if self._following and now - at[0] > self._grace:
            doubted_at = max(doubted_at, at[0] + self._grace)
        # Told by the wall clock as it goes now: it may have been set since.
        return _ALL if doubted_at == _ALL else self._clock() - (now - doubted_at)
