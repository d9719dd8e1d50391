"""A clock that tests tick by hand."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from dealcache.background import Wakes


class ManualClock:
    """Stands still until it is told to go on."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.now += seconds


class ManualWait:
    """Stands in for the waiting of a background thread: its time passes when a test lets it pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sleeper: tuple[Wakes, float] | None = None
        self._waits: SimpleQueue[float | None] = SimpleQueue()

    def __call__(self, wakes: Wakes, seconds: float | None) -> None:
        with self._lock:
            self._sleeper = (wakes, float("inf") if seconds is None else seconds)
        self._waits.put(seconds)
        wakes.get()

    def begun(self) -> float | None:
        """Wait until the thread waits, and return for how long it does."""
        return self._waits.get(timeout=60)

    def tick(self, seconds: float) -> None:
        """Let ``seconds`` pass for the thread that waits."""
        with self._lock:
            assert self._sleeper is not None
            wakes, left = self._sleeper
            self._sleeper = (wakes, left - seconds)
        if seconds >= left:
            wakes.put(None)
