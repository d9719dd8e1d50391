"""The watermark of the syncs as readers see it: older than the data they read, and the same in all processes.

Reading it each time would add a sixth to the cost of a read of MongoDB, so it is remembered for some hundredths of a
second. A new one counts once every process must have seen it, so that answers of different processes never go back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from dealcache.repositories.sync_state import SEEN_SECONDS, NotedWatermark

#: Seconds for which it is remembered: half of the time after which a new one counts.
REMEMBERED_SECONDS = SEEN_SECONDS / 2


class SyncWatermark:
    """The moment up to which the syncs have found all changes. Thread-safe.

    Args:
        read: reads it from MongoDB; may raise StoreError.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, read: Callable[[], NotedWatermark], timer: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._timer = timer
        self._known: tuple[float, NotedWatermark] = (float("-inf"), NotedWatermark())

    def __call__(self) -> datetime | None:
        """Return it; None if it is unknown. Data read from MongoDB afterwards contains all changes up to it.

        Raises:
            StoreError: MongoDB failed.
        """
        read_at, noted = self._known
        now = self._timer()
        if not read_at <= now < read_at + REMEMBERED_SECONDS:
            # Taken before the query: its answer is no older.
            read_at, noted = self._known = now, self._read()
        return noted.watermark if noted.age + now - read_at >= SEEN_SECONDS else noted.before
