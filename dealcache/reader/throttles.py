"""The fail-safe throttle: failing tiers are not asked while a stale value serves."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cachetools import LRUCache

from dealcache.model.deals import DealKey

#: The most deals to remember; a forgotten one costs one more try.
_REMEMBERED = 10_000


class FailSafeThrottle:
    """Remembers the deals for which the tiers below failed and a stale value served. Thread-safe.

    Further reads of such a deal get the stale value at once; after each pause exactly one read tries again, while the
    others still get the stale value.

    Args:
        pause: seconds between two tries.
        clock: a clock in seconds.
    """

    def __init__(self, pause: float, clock: Callable[[], float]) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._next_try: LRUCache[DealKey, float] = LRUCache(_REMEMBERED)

    def should_serve_stale(self, key: DealKey) -> bool:
        """Return True if a read should take the stale value; after a pause one caller gets False, and tries."""
        with self._lock:
            next_try = self._next_try.get(key)
            if next_try is None:
                return False
            if self._clock() < next_try:
                return True
            self._next_try[key] = self._clock() + self._pause
            return False

    def failed(self, key: DealKey) -> None:
        """Note that the tiers below failed for ``key``: they are not asked for a pause."""
        with self._lock:
            self._next_try[key] = self._clock() + self._pause

    def succeeded(self, key: DealKey) -> None:
        """Note that the tiers below answered for ``key``."""
        with self._lock:
            self._next_try.pop(key, None)
