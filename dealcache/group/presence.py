"""Who is there: gives signs of life of this process, and knows how many others give theirs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from dealcache.repositories import StoreError, WorkerRegistry
from dealcache.workers import Worker

log = logging.getLogger(__name__)

#: Seconds between two signs of life: two may be lost before others take this process for dead.
SIGN_SECONDS = 2.0


class Presence:
    """This process among all that live.

    Args:
        registry: where all give their signs of life.
        worker: this process.
        on_count: told how many live, each time that it was looked.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        registry: WorkerRegistry,
        worker: Worker,
        on_count: Callable[[int], None] = lambda _count: None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._worker = worker
        self._on_count = on_count
        self._timer = timer
        self._due = float("-inf")
        self._has_signed = False
        self._others: tuple[Worker, ...] = ()
        self._passes_for_dead = False

    @property
    def owner(self) -> str:
        """Names this process among all, for leases and locks."""
        return self._worker.owner

    def answers_questions(self) -> None:
        """From now on others may ask this process what its cache holds."""
        self._worker = replace(self._worker, answers=True)

    def keep(self) -> None:
        """Give a sign of life, and look who else does, if that is due.

        Raises:
            StoreError: MongoDB failed; it is due still.
        """
        if self._timer() >= self._due:
            self._registry.sign(self._worker)
            self._has_signed = True
            self.look()
            self._due = self._timer() + SIGN_SECONDS

    def leave(self) -> None:
        """Tell the others that this process ends."""
        try:
            self._registry.leave(self._worker)
        except StoreError as failure:
            log.debug("others will find out by themselves that this process has ended: %s", failure)

    def look(self) -> tuple[Worker, ...]:
        """The others that live, now.

        Raises:
            StoreError: MongoDB failed.
        """
        live = self._registry.live()
        self._others = tuple(one for one in live if one.owner != self._worker.owner)
        self._passes_for_dead = self._has_signed and len(self._others) == len(live)
        self._on_count(self.live_count())
        return self._others

    @property
    def others(self) -> tuple[Worker, ...]:
        """The others that lived when it was last looked, at most two seconds ago unless MongoDB is away."""
        return self._others

    @property
    def is_sure(self) -> bool:
        """Whether others that live were seen when it was last looked.

        Not when this process itself passed for dead, as all do that could not reach MongoDB for a while.
        """
        return not self._passes_for_dead

    def live_count(self) -> int:
        """How many processes lived when it was last looked, this one included. Asks nobody, and never raises."""
        return 1 + len(self._others)
