"""Reads one old deal again from HubSpot: once for all processes, with calls of lower priority than those of readers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import StrEnum

from dealcache.model.deadline import CancellableDeadline
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.cluster_flight import ClusterFlight
from dealcache.reader.load_request import RequestContext, RereadRequest
from dealcache.repositories import StoreError
from dealcache.tiers import View

log = logging.getLogger(__name__)

#: Seconds after a failure for which no process reads the deal again.
PAUSE_AFTER_FAILURE = 60.0


class RereadOutcome(StrEnum):
    """The outcome of a request to read a deal again."""

    REFRESHED = "refreshed"
    GONE = "gone"
    """HubSpot no longer has the deal."""

    UNNEEDED = "unneeded"
    """MongoDB had newer data than the cache, or another process reads the deal, or failed to in the last minute."""

    FAILED = "failed"
    SKIPPED = "skipped"
    """Too many deals wait, HubSpot is failing, or few of the day's calls are left."""


class Rereader:
    """Reads old deals again. Thread-safe.

    Args:
        context: what loads work with; its calls have the priority of re-reads.
        cluster: coordinates loads with other processes.
        has_calls: returns False while too few of the day's calls to HubSpot are left; may ask HubSpot.
        max_age: seconds after which a deal is old.
        deadline_seconds: how long one re-read may take.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        context: RequestContext,
        cluster: ClusterFlight,
        has_calls: Callable[[], bool],
        max_age: float,
        deadline_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._context = context
        self._cluster = cluster
        self._has_calls = has_calls
        self._max_age = max_age
        self._deadline_seconds = deadline_seconds
        self._clock = clock

    def reread(self, deal_id: str, is_stopping: Callable[[], bool]) -> RereadOutcome:
        """Read a deal again, as a refresh does, unless that is no longer needed.

        Args:
            deal_id: HubSpot's id.
            is_stopping: returns True once the process is stopping.
        """
        key = DealKey("id", deal_id)
        try:
            as_of = self._context.mongodb.as_of(key)
        except StoreError as failure:
            log.debug("deal %s is not read again: %s", deal_id, failure)
            return RereadOutcome.FAILED
        if as_of is not None and self._clock() - as_of <= self._max_age:
            self._forget(deal_id)
            return RereadOutcome.UNNEEDED
        if not self._has_calls():
            return RereadOutcome.SKIPPED
        request = RereadRequest(key, PAUSE_AFTER_FAILURE, self._context)
        if not self._cluster.run_unless_held(request, CancellableDeadline(self._deadline_seconds, is_stopping)):
            return RereadOutcome.UNNEEDED
        outcome = request.outcomes.get(key)
        if not isinstance(outcome, dict) or request.loaded is None or not request.loaded.stored:
            log.debug("deal %s could not be read again: %s", deal_id, outcome)
            return RereadOutcome.FAILED
        return RereadOutcome.GONE if outcome[View.INFO].status == 404 else RereadOutcome.REFRESHED

    def _forget(self, deal_id: str) -> None:
        """Drop values of this process's caches that are older than MongoDB's."""
        selection, cache = Selection.deals(ids=[deal_id]), self._context.state.cache
        cache.forget(selection, None)
        cache.forget_shared(selection, None)
