"""Cache statistics of all workers: each publishes its own after a sign of life, and adds those of the others.

They are written to MongoDB only while other workers live, only when they changed, and so rarely that writing them takes
at most a hundredth of one core. So they are at most two seconds old; those of a worker with more than about ten
thousand keys, all in use, somewhat more. A worker's own are exact.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from dealcache.cluster.membership import Membership
from dealcache.cluster.paging import Page
from dealcache.cluster.statistics import Statistics, Summary, combine, decode, encode, without
from dealcache.model.invalidation import Selection
from dealcache.model.workers import Worker
from dealcache.repositories import StoreError, WorkerRegistry

log = logging.getLogger(__name__)

#: The share of one core that publishing may take.
_CPU_SHARE = 0.01

#: Seconds after which unchanged statistics are published again: a MongoDB that crashed may have lost them.
_RENEW_SECONDS = 30.0


class ClusterStatistics:
    """The cache statistics of this worker, and of all.

    Args:
        registry: the published statistics of workers.
        membership: knows which workers live.
        own: returns the statistics of this worker.
        cleared_since: returns what invalidations later than a generation select, as far as they are known here.
        timer: the monotonic clock, in seconds.
        cpu_timer: the processor time of the calling thread, in seconds.
    """

    def __init__(
        self,
        registry: WorkerRegistry,
        membership: Membership,
        own: Callable[[], Statistics],
        cleared_since: Callable[[int], Selection],
        timer: Callable[[], float] = time.monotonic,
        cpu_timer: Callable[[], float] = time.thread_time,
    ) -> None:
        self._registry = registry
        self._membership = membership
        self._own = own
        self._cleared_since = cleared_since
        self._timer = timer
        self._cpu_timer = cpu_timer
        self._published: object = None
        self._due = self._stale_at = float("-inf")

    def publish(self) -> None:
        """Publish the statistics of this worker, if another worker lives and they have changed.

        Raises:
            StoreError: MongoDB failed.
        """
        now = self._timer()
        if now < self._due or not any(one.has_cache for one in self._membership.others):
            return
        began = self._cpu_timer()
        own = self._own()
        if own.counts == self._published and now < self._stale_at:
            return
        self._registry.publish_statistics(self._membership.owner, encode(own))
        self._published, self._stale_at = own.counts, now + _RENEW_SECONDS
        self._due = now + (self._cpu_timer() - began) / _CPU_SHARE

    def here(self, page: Page) -> Summary:
        """Return the statistics of this worker; see :func:`.combine`."""
        return combine([self._own()], page)

    def everywhere(self, page: Page) -> Summary:
        """Return the statistics of all live workers; if MongoDB fails, those of this one, marked in the summary."""
        try:
            others = [one for one in self._membership.find_others() if one.has_cache]
            published = self._read(others) if others else {}
        except StoreError as failure:
            log.debug("the statistics of other workers cannot be read: %s", failure)
            missing = [one.shown for one in self._membership.others if one.has_cache]
            return combine([self._own()], page, missing, all_known=False)
        missing = [one.shown for one in others if one.owner not in published]
        return combine([self._own(), *published.values()], page, missing, all_known=self._membership.is_sure)

    def _read(self, workers: list[Worker]) -> dict[str, Statistics]:
        """Return the published statistics of workers, by their owners, without keys cleared since."""
        statistics: dict[str, Statistics] = {}
        for owner, message in self._registry.statistics([one.owner for one in workers]).items():
            try:
                told = decode(message)
            except ValueError as error:
                log.warning("the statistics of a worker cannot be read: %s", error)
            else:
                statistics[owner] = without(told, self._cleared_since(told.generation))
        return statistics
