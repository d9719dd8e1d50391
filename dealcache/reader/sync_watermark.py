"""The watermark of the syncs as readers see it: older than the data they read, and the same in all processes.

Reading it each time would add a sixth to the cost of a read of MongoDB, so it is remembered for some hundredths of a
second. A new one counts once every process must have read it, so that answers of different processes never go back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from dealcache.repositories.sync.state import COUNTS_AFTER_SECONDS, NotedWatermark

#: Seconds for which the watermarks are remembered. Less than it takes until a new one counts, or a process could still
#: miss one that counts elsewhere.
REMEMBERED_SECONDS = COUNTS_AFTER_SECONDS / 2

#: MongoDB gives times in whole milliseconds, rounded down.
_ROUNDED = 0.001


class SyncWatermark:
    """The moment up to which the syncs have found all changes. Thread-safe.

    Args:
        read: reads the watermarks from MongoDB; may raise StoreError.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self, read: Callable[[], Sequence[NotedWatermark]], timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._timer = timer
        #: The times before and after the query, and its result.
        self._known: tuple[float, float, Sequence[NotedWatermark]] = (float("-inf"), float("-inf"), ())

    def __call__(self) -> datetime | None:
        """Return it; None if it is unknown. Data read from MongoDB afterwards contains all changes up to it.

        Raises:
            StoreError: MongoDB failed.
        """
        asked_at, answered_at, noted = self._known
        now = self._timer()
        if asked_at <= now < asked_at + REMEMBERED_SECONDS:
            # MongoDB gave its time somewhere between: what counts by one of the two and not by the other is uncertain.
            watermark = _counting(noted, now - asked_at + _ROUNDED)
            if watermark == _counting(noted, now - answered_at):
                return watermark
        noted = self._read()
        self._known = now, self._timer(), noted
        return _counting(noted, 0.0)


def _counting(noted: Sequence[NotedWatermark], elapsed: float) -> datetime | None:
    """Return the latest watermark that counts ``elapsed`` seconds after they were read."""
    return next((one.watermark for one in reversed(noted) if one.counts_in <= elapsed), None)
