"""A circuit breaker: without it each request to a server that is down would occupy a thread for the time-out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class BreakerOpenError(Exception):
    """The server did not answer a moment ago, and it is not yet time to ask it again."""


class Breaker:
    """Refuses operations for a pause after a failure, then lets one through as a probe. Thread-safe.

    While the probe runs, others are refused; if it has not returned after another pause, the next one is let through.
    So a hanging probe cannot keep the breaker open for ever.

    Args:
        pause: seconds between a failure and the probe.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, pause: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._retry_at: float | None = None

    def admit(self) -> None:
        """Raise BreakerOpenError if an operation failed a moment ago and it is not yet time for the next probe."""
        if self._retry_at is None:  # the normal case takes no lock; seeing a failure one operation late does no harm
            return
        with self._lock:
            now = self._clock()
            if self._retry_at is not None and now < self._retry_at:
                raise BreakerOpenError
            if self._retry_at is not None:
                self._retry_at = now + self._pause

    def succeeded(self) -> None:
        """Close the breaker: the server answered, even if with an error."""
        if self._retry_at is not None:
            with self._lock:
                self._retry_at = None

    def failed(self) -> None:
        """Open the breaker for a pause: the server did not answer."""
        with self._lock:
            self._retry_at = self._clock() + self._pause
