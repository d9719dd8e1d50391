"""How a running job is told to stop: it is cancelled, its process ends, or another process has taken it over."""

from __future__ import annotations

import threading
from enum import StrEnum

from dealcache.deadline import Deadline


class Reason(StrEnum):
    """Why a job stops before its end."""

    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"
    LOST = "lost"
    """Its lease ran out and somebody else has it now: nothing more may be written about it."""


class StoppedError(Exception):
    """The job was told to stop; raised where it notices."""


class StopSign:
    """Set once, by whoever wants the job to stop; seen by all its threads."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reason: Reason | None = None
        self._lock = threading.Lock()

    def set(self, reason: Reason) -> None:
        """Ask for a stop; the first reason stays."""
        with self._lock:
            self._reason = self._reason or reason
        self._event.set()

    @property
    def reason(self) -> Reason | None:
        """Why, None while nobody has asked."""
        return self._reason

    def is_set(self) -> bool:
        """Whether somebody has asked."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise StoppedError if somebody has asked."""
        if self._event.is_set():
            raise StoppedError(str(self._reason))

    def wait(self, seconds: float) -> None:
        """Wait so long; raise StoppedError as soon as somebody asks."""
        self._event.wait(seconds)
        self.check()


class CallDeadline(Deadline):
    """The deadline of one call of a job: at once when the job is to stop.

    Args:
        seconds: how long from now, otherwise.
        stop: tells when to stop.
    """

    __slots__ = ("_stop",)

    def __init__(self, seconds: float, stop: StopSign) -> None:
        super().__init__(seconds)
        self._stop = stop

    def remaining(self) -> float:
        """Seconds that are left, 0 once the job is to stop."""
        return 0.0 if self._stop.is_set() else super().remaining()
