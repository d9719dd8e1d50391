"""Which deals were refreshed a moment ago, so that impatient clicking does not reach HubSpot each time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cachetools import TTLCache

from dealcache.deals import DealKey


class Refreshes:
    """Remembers refreshes for a while, under the key that was asked for and under the deal's id.

    Args:
        pause: seconds for which a refreshed deal is not fetched again.
        clock: a clock in seconds.
        remember: how many at most; a forgotten one costs a fetch more.
    """

    def __init__(self, pause: float, clock: Callable[[], float], remember: int = 10_000) -> None:
        self._lock = threading.Lock()
        self._recent: TTLCache[DealKey, bool] = TTLCache(remember, pause, timer=clock)

    def note(self, key: DealKey, deal_id: str | None) -> None:
        """The deal that ``key`` names was fetched just now; ``deal_id`` is None when there is no such deal."""
        with self._lock:
            self._recent[key] = True
            if deal_id is not None:
                self._recent[DealKey("id", deal_id)] = True

    def lately(self, key: DealKey) -> bool:
        """Whether the deal was fetched so lately that it should not be fetched again."""
        with self._lock:
            return key in self._recent
