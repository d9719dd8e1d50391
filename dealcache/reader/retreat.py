"""Leaves failing tiers alone for a while when a stale value can serve instead.

Once the tiers below failed for a deal whose stale value served, further reads of that deal get the stale value at
once; after each pause exactly one read tries again while the others still get the stale value.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cachetools import LRUCache

from dealcache.deals import DealKey


class Retreat:
    """Remembers for which deals the tiers below failed.

    Args:
        pause: seconds between two tries.
        clock: a clock in seconds.
        remember: for how many deals; a forgotten deal costs one try more.
    """

    def __init__(self, pause: float, clock: Callable[[], float], remember: int = 10_000) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._next_try: LRUCache[DealKey, float] = LRUCache(remember)

    def should_serve_stale(self, key: DealKey) -> bool:
        """Whether a read should take the stale value; when the pause is over, one caller is told to try."""
        with self._lock:
            next_try = self._next_try.get(key)
            if next_try is None:
                return False
            if self._clock() < next_try:
                return True
            self._next_try[key] = self._clock() + self._pause
            return False

    def failed(self, key: DealKey) -> None:
        """The tiers below failed for ``key``: leave them alone for a pause."""
        with self._lock:
            self._next_try[key] = self._clock() + self._pause

    def succeeded(self, key: DealKey) -> None:
        """The tiers below answered for ``key``."""
        with self._lock:
            self._next_try.pop(key, None)
