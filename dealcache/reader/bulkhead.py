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
        on_change: called with 1 when a thread enters and -1 when it leaves, for a gauge.
    """

    def __init__(
        self,
        bound: int,
        what: str = "requests are waiting for HubSpot",
        on_change: Callable[[int], None] = lambda _change: None,
    ) -> None:
        self._bound = bound
        self._what = what
        self._on_change = on_change
        self._places = threading.Semaphore(bound)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Count the caller as inside while the block runs.

        Raises:
            BulkheadFullError: the bound is reached. No thread queues here, because a queue would occupy it too.
        """
        if not self._places.acquire(blocking=False):
            raise BulkheadFullError(f"{self._bound} {self._what} already")
        self._on_change(1)
        try:
            yield
        finally:
            self._on_change(-1)
            self._places.release()
