"""Spares requests the wait for a server that is known to be down.

Without it each request would pay the server's time-out, and the thread pool would fill with waiting threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class BreakerOpenError(Exception):
    """The server did not answer a moment ago, and it is not yet time to ask it again."""


class Breaker:
    """Refuses operations for a while after a failure; then lets one through to see whether all is well again.

    The probe is not waited for: while it runs, others are refused as before, and when it has not come back after
    another pause the next one goes. So a probe that hangs cannot keep the breaker open for ever.

    Args:
        pause: seconds between a failure and the probe.
        clock: the monotonic clock, in seconds; tests pass one that they tick by hand.
    """

    def __init__(self, pause: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._retry_at: float | None = None

    def admit(self) -> None:
        """Let the caller go on, or not.

        Raises:
            BreakerOpenError: the last operation failed a moment ago, and it is not yet time for the next probe.
        """
        if self._retry_at is None:  # the normal case takes no lock; a failure seen one operation late does no harm
            return
        with self._lock:
            now = self._clock()
            if self._retry_at is not None and now < self._retry_at:
                raise BreakerOpenError
            if self._retry_at is not None:
                self._retry_at = now + self._pause

    def succeeded(self) -> None:
        """The server answered, whatever it said: let everything through."""
        if self._retry_at is not None:
            with self._lock:
                self._retry_at = None

    def failed(self) -> None:
        """The server did not answer: refuse operations for a pause."""
        with self._lock:
            self._retry_at = self._clock() + self._pause
