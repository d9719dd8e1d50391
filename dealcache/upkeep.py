"""The background work of one process: give back expired memory, and finish what could not be done at start."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class Upkeep:
    """Runs chores in a thread of its own.

    Args:
        recurring: done at every round.
        once: name and work of what is done until it has succeeded; what fails is logged and tried again later.
        expected: the failures of ``once`` that are the world's fault, not ours.
        interval: seconds between two rounds.
        retry_after: seconds until something of ``once`` that failed is tried again.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        recurring: Callable[[], None],
        once: Mapping[str, Callable[[], None]],
        expected: tuple[type[Exception], ...],
        *,
        interval: float = 5.0,
        retry_after: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recurring = recurring
        self._pending = dict(once)
        self._due = dict.fromkeys(once, float("-inf"))
        self._expected = expected
        self._interval = interval
        self._retry_after = retry_after
        self._clock = clock
        self._stopped = threading.Event()
        # A daemon: a worker that ends must not wait for it.
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin. Called after the server has forked, for threads do not survive a fork."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the chore that it is at."""
        self._stopped.set()

    def round(self) -> None:
        """Do all that is due now."""
        self._recurring()
        for name, work in list(self._pending.items()):
            if self._clock() < self._due[name]:
                continue
            try:
                work()
            except self._expected as failure:
                self._due[name] = self._clock() + self._retry_after
                log.warning("%s failed and will be tried again in %g s: %s", name, self._retry_after, failure)
            else:
                del self._pending[name]

    def _run(self) -> None:
        while True:
            try:
                self.round()
            except Exception:
                log.exception("a round of background work failed")
            if self._stopped.wait(self._interval):
                return
