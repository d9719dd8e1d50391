"""The totals of all stages, remembered for the version of the lists that they were read after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from cachetools import TTLCache

from dealcache.repositories.deal_info import StageTotal

#: Seconds after which deals are added up again though no list has changed: another system may have written some.
_SECONDS = 60.0


class StageTotals:
    """Remembers the totals, because to add up a hundred thousand deals takes MongoDB a tenth of a second. Thread-safe.

    Args:
        read: adds up all deals.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, read: Callable[[], Sequence[StageTotal]], timer: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._totals: TTLCache[int, Sequence[StageTotal]] = TTLCache(1, _SECONDS, timer)

    def at(self, version: int) -> Sequence[StageTotal]:
        """Return the totals as they were when, or after, the lists had this version.

        Raises:
            StoreError: MongoDB failed.
        """
        # Threads that ask for the same version wait for one answer.
        with self._lock:
            if (totals := self._totals.get(version)) is None:
                totals = self._totals[version] = self._read()
            return totals
