"""Cancellation of running work: by request, at shutdown, or because another process owns the job now."""

from __future__ import annotations

import threading

from dealcache.model.jobs import CancelReason


class StoppedError(Exception):
    """The work was cancelled; raised where it notices."""


class CancellationToken:
    """Tells all threads of a job that it is cancelled, and the ``reason``, None unless it is. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason: CancelReason | None = None
        self._lock = threading.Lock()

    def cancel(self, reason: CancelReason) -> None:
        """Request cancellation; the first reason stays."""
        with self._lock:
            self.reason = self.reason or reason
        self._event.set()

    def is_cancelled(self) -> bool:
        """True if cancellation was requested."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise StoppedError if cancelled."""
        if self._event.is_set():
            raise StoppedError(str(self.reason))

    def wait(self, seconds: float) -> None:
        """Sleep; raise StoppedError as soon as cancelled."""
        self._event.wait(seconds)
        self.check()
