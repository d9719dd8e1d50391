"""A bulkhead: bounds the threads that wait for HubSpot, so that a slow HubSpot never occupies all of the service's.

Without it, a few dozen slow requests fill the thread pool and cached answers wait with them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BulkheadFullError(Exception):
    """The bulkhead is full; try again after ``retry_after`` seconds."""

    def __init__(self, inside: int, what: str, retry_after: float) -> None:
        super().__init__(f"{inside} {what} already")
        self.retry_after = retry_after


class Bulkhead:
    """Lets at most ``bound`` threads in at once. Thread-safe.

    Args:
        bound: how many threads may be inside.
        what: what the threads inside do, for the message to refused callers.
        retry_after: seconds that a refused caller is told to wait.
        on_change: called with the number of threads inside, for a gauge.
    """

    def __init__(
        self,
        bound: int,
        what: str = "requests are waiting for HubSpot",
        retry_after: float = 1.0,
        on_change: Callable[[int], None] = lambda _inside: None,
    ) -> None:
        self._bound = bound
        self._what = what
        self._retry_after = retry_after
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
                raise BulkheadFullError(self._inside, self._what, self._retry_after)
            self._inside += 1
            self._on_change(self._inside)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                self._on_change(self._inside)
