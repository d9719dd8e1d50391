"""The invalidation watermark: the moment up to which this process knows all invalidations.

While it follows the invalidation log, its memory is at most a moment out of date. When it can no longer follow, a value
in memory may have been cleared elsewhere without its knowledge. So it does not trust values read before it noticed:
such a value counts as past its time, which means that the tiers below are asked, and that it may serve only if they all
fail. Values read later are trusted: a later invalidation is recorded only once MongoDB is back, and is then known here
within the promised second.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds for which a process that knew all invalidations may rely on that: the contract promises that every worker
#: knows of a clear within a second.
GRACE_SECONDS = 1.0

_ALL = float("-inf")


class InvalidationWatermark:
    """Knows whether this process hears of invalidations, and since when it does not.

    Args:
        clock: the wall clock, in epoch seconds, by which cached values are dated.
        timer: the monotonic clock, in seconds.
        on_sure: called with the wall-clock time up to which everything is known, whenever it advances.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        on_sure: Callable[[float], None] = lambda _at: None,
    ) -> None:
        self._clock = clock
        self._timer = timer
        self._on_sure = on_sure
        self._following = False
        self._doubted_at = _ALL
        # The last moment at which all invalidations were known: on the monotonic clock, and on the wall clock.
        self._sure = (0.0, 0.0)

    def begin(self) -> None:
        """Begin to follow the log. Before that nothing is promised, and everything trusted."""
        self._sure = self.moment()
        self._following = True

    def moment(self) -> tuple[float, float]:
        """Return the present on both clocks, to pass to :meth:`note` once everything recorded before it is known."""
        return self._timer(), self._clock()

    def note(self, moment: tuple[float, float]) -> None:
        """Note that everything recorded before ``moment`` is known here."""
        # Two threads may note at once; of two moments that close, the earlier is as good as the later.
        if moment[0] > self._sure[0]:
            self._sure = moment
            self._on_sure(moment[1])

    def doubt(self) -> None:
        """Stop trusting everything read until now: anything may have changed."""
        self._doubted_at = self._timer()

    def floor(self) -> float:
        """Return the time, epoch seconds, up to which values read are not trusted; -inf if all are."""
        at = self._sure
        now = self._timer()
        doubted_at = self._doubted_at
        if self._following and now - at[0] > GRACE_SECONDS:
            doubted_at = max(doubted_at, at[0] + GRACE_SECONDS)
        # By the wall clock as it runs now: it may have been set since.
        return _ALL if doubted_at == _ALL else self._clock() - (now - doubted_at)
