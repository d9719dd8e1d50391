"""A bulkhead: bounds the threads that wait for HubSpot, so that a slow HubSpot never occupies all of the service's.

Without it, a few dozen slow requests fill the thread pool and cached answers wait with them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BulkheadFullError(Exception):
    """The bulkhead is full; there may be a place again in a moment."""


class Bulkhead:
    """Lets at most ``bound`` threads in at once. Thread-safe.

    Args:
        bound: how many threads may be inside.
        what: what the threads inside do, for the message to refused callers.
        on_change: called with the number of threads inside, for a gauge.
    """

    def __init__(
        self,
        bound: int,
        what: str = "requests are waiting for HubSpot",
        on_change: Callable[[int], None] = lambda _inside: None,
    ) -> None:
        self._bound = bound
        self._what = what
        self._on_change = on_change
        self._lock = threading.Lock()
        self._inside = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Count the caller as inside while the block runs.

        Raises:
            BulkheadFullError: the bound is reached. No thread queues here, because a queue would occupy it too.
        """
        with self._lock:
            if self._inside >= self._bound:
                raise BulkheadFullError(f"{self._inside} {self._what} already")
            self._inside += 1
            self._on_change(self._inside)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                self._on_change(self._inside)
