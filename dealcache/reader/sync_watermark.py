"""The watermark of the syncs, as readers see it: older than what they read, and in no process later than in others.

To read it each time would add a sixth to the cost of a read of MongoDB, so it is remembered for some hundredths of a
second. A new one counts when every process must have seen it: answers of two processes never go back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from dealcache.repositories.sync_state import SEEN_SECONDS, NotedWatermark

#: Seconds for which it is remembered: half of those after which a new one counts.
REMEMBERED_SECONDS = SEEN_SECONDS / 2


class SyncWatermark:
    """Up to when the syncs have found all changes. Thread-safe.

    Args:
        read: reads it from MongoDB; raises StoreError.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, read: Callable[[], NotedWatermark], timer: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._timer = timer
        self._known: tuple[float, NotedWatermark] = (float("-inf"), NotedWatermark())

    def __call__(self) -> datetime | None:
        """Return it, None if it is unknown. What is read from MongoDB afterwards holds all changes up to then.

        Raises:
            StoreError: MongoDB failed.
        """
        read_at, noted = self._known
        now = self._timer()
        if not read_at <= now < read_at + REMEMBERED_SECONDS:
            # The moment before the question: what it is told is no older.
            read_at, noted = self._known = now, self._read()
        return noted.watermark if noted.age + now - read_at >= SEEN_SECONDS else noted.before
