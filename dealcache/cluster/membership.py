"""Membership: the processes that share one database, each known by a sign of life that it gives every two seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from dealcache.background import BackgroundThread
from dealcache.model.workers import Worker
from dealcache.repositories import StoreError, WorkerRegistry

log = logging.getLogger(__name__)

#: Seconds between two signs of life, also after a failed one: two may be lost before others take this process for dead.
SIGN_SECONDS, _RETRY_SECONDS = 2.0, 0.5


class Membership:
    """This process among all live ones, with a background thread that gives its signs of life.

    Args:
        registry: the signs of life of all processes.
        worker: this process.
        on_count: called with the number of live processes each time it is looked up.
        timer: the monotonic clock, in seconds.

    Attributes:
        worker: this process.
        live: all processes alive at the last reading, including this one if it had given a sign.
    """

    def __init__(
        self,
        registry: WorkerRegistry,
        worker: Worker,
        on_count: Callable[[int], None],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self.worker = worker
        self._on_count = on_count
        self._timer = timer
        self._looked_at = float("-inf")
        self._after_sign: Callable[[], None] = lambda: None
        self._report: Callable[[], bytes] = bytes
        self._has_signed = False
        self.live: tuple[Worker, ...] = ()
        self._thread = BackgroundThread(
            "membership", self.renew, SIGN_SECONDS, expected=(StoreError,), retry_after=_RETRY_SECONDS
        )

    @property
    def owner(self) -> str:
        """The name of this process for leases and locks, unlike that of any other process."""
        return self.worker.owner

    def start(self, publish_statistics: Callable[[], None] | None = None, report: Callable[[], bytes] = bytes) -> None:
        """Begin to give signs of life. Called after the fork.

        Args:
            publish_statistics: called after each sign of life; None for a process that has no cache.
            report: returns the message to send with each sign of life, a few kilobytes at most.
        """
        self._report = report
        if publish_statistics is not None:
            self._after_sign = publish_statistics
            self.worker = replace(self.worker, has_cache=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and tell the other processes. Called before the connections are closed."""
        self._thread.stop()
        if self._has_signed:
            try:
                self._registry.leave(self.worker)
            except StoreError as failure:
                log.debug("other processes will notice by themselves that this process has ended: %s", failure)

    def renew(self) -> None:
        """Give a sign of life, read those of the other processes, and publish statistics.

        Raises:
            StoreError: MongoDB failed.
        """
        self._registry.sign(replace(self.worker, report=self._said()))
        self._has_signed = True
        self.find_others()
        self._after_sign()

    def _said(self) -> bytes:
        try:
            return self._report()
        except Exception:
            # The other processes must not take this one for dead because of it.
            log.exception("the report of this process cannot be made")
            return b""

    def find_others(self) -> tuple[Worker, ...]:
        """Return the other processes that live at present.

        Raises:
            StoreError: MongoDB failed.
        """
        began_at = self._timer()
        self.live = tuple(self._registry.live())
        self._looked_at = began_at
        self._on_count(self.live_count())
        return self.others

    @property
    def age(self) -> float:
        """The seconds since the last reading; infinite before the first."""
        return self._timer() - self._looked_at

    @property
    def others(self) -> tuple[Worker, ...]:
        """The other processes alive at the last reading, at most two seconds ago unless MongoDB is away."""
        return tuple(one for one in self.live if one.owner != self.owner)

    @property
    def is_sure(self) -> bool:
        """False if this process itself counted as dead at the last reading, because it could not reach MongoDB."""
        return not self._has_signed or any(one.owner == self.owner for one in self.live)

    def live_count(self) -> int:
        """Return how many processes were alive at the last reading, including this one; never raise."""
        return 1 + len(self.others)
