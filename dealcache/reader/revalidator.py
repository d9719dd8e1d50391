"""Re-reads old deals from HubSpot after their readers have been answered (RFC 5861, stale-while-revalidate).

Readers only add to a short queue, which a few threads work off: once for all processes, with calls of lower priority
than those of readers. When HubSpot fails they pause, longer each time, so that many old deals cause no more calls than
one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from enum import StrEnum

from cachetools import TTLCache

from dealcache.background import BackgroundThread
from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.cluster_flight import ClusterFlight
from dealcache.reader.load_request import RefreshRequest, RequestContext
from dealcache.repositories import LoadEnd, StoreError
from dealcache.tiers import Entry, View

log = logging.getLogger(__name__)

#: Seconds after a failure for which no process reads the deal again.
PAUSE_AFTER_FAILURE = 60.0

#: Re-reads of one process at a time, and deals that may wait for theirs.
AT_ONCE, MOST_WAITING = 2, 200

#: Deals to remember as read again, or failed, within the last minute.
_REMEMBERED = 10_000

#: Seconds to pause after a failure, doubled with each in a row up to the longest.
FIRST_REST, LONGEST_REST = 1.0, 60.0

_STOP_SECONDS = 2.0


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


class RereadRequest(RefreshRequest):
    """An old deal that is loaded while readers still get its stored state; after a failure not again for a pause.

    Its lease differs from that of refreshes, whose readers would otherwise wait for calls of low priority.
    """

    fresh_labels = False
    prefix = "reread:"
    pause = timedelta(seconds=PAUSE_AFTER_FAILURE)
    pause_after = frozenset({LoadEnd.FAILED, LoadEnd.ABANDONED})

    def _ids_known(self, _keys: Collection[DealKey]) -> Mapping[DealKey, Collection[str]]:
        return {}  # it is named by its id


def reread(
    deal_id: str,
    is_stopping: Callable[[], bool],
    *,
    context: RequestContext,
    cluster: ClusterFlight,
    has_calls: Callable[[], bool],
    max_age: float,
    deadline_seconds: float,
    clock: Callable[[], float],
) -> RereadOutcome:
    """Read a deal again, as a refresh does, unless that is no longer needed.

    Args:
        deal_id: HubSpot's id.
        is_stopping: returns True once the process is stopping.
        context: what loads work with; its calls have the priority of re-reads.
        cluster: coordinates loads with other processes.
        has_calls: returns False while too few of the day's calls to HubSpot are left; may ask HubSpot.
        max_age: seconds after which a deal is old.
        deadline_seconds: how long it may take.
        clock: the wall clock, epoch seconds.
    """
    key = DealKey("id", deal_id)
    try:
        _, as_of = context.mongodb.find_one(key) or (None, None)
    except StoreError as failure:
        log.debug("deal %s is not read again: %s", deal_id, failure)
        return RereadOutcome.FAILED
    if as_of is not None and clock() - as_of.timestamp() <= max_age:
        # This process's caches may have values that are older than MongoDB's.
        context.cache.drop(Selection.deals(ids=[deal_id]))
        return RereadOutcome.UNNEEDED
    if not has_calls():
        return RereadOutcome.SKIPPED
    request = RereadRequest(key, context)
    if not cluster.run_unless_held(request, Deadline(deadline_seconds, is_cancelled=is_stopping)):
        return RereadOutcome.UNNEEDED
    outcome = request.outcomes.get(key)
    if not isinstance(outcome, dict) or not request.stored:
        log.debug("deal %s could not be read again: %s", deal_id, outcome)
        return RereadOutcome.FAILED
    return RereadOutcome.GONE if outcome[View.INFO].status == 404 else RereadOutcome.REFRESHED


class Revalidator:
    """Decides which answers are too old, and reads their deals again in the background. Thread-safe.

    Its threads start with the first deal, and so after the fork.

    Args:
        max_age: seconds after which data is too old; 0: never.
        reread: reads a deal again; see :func:`reread`.
        may_call: returns False while too few calls to HubSpot are left.
        count: called with an outcome and the number of deals that had it.
        clock: the wall clock, epoch seconds.
        timer: the monotonic clock, in seconds.
        at_once: how many deals may be read at a time.
    """

    def __init__(
        self,
        max_age: float,
        reread: Callable[[str, Callable[[], bool]], RereadOutcome],
        may_call: Callable[[], bool],
        count: Callable[[str, int], None],
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        at_once: int = AT_ONCE,
    ) -> None:
        self._max_age = max_age
        self._reread = reread
        self._may_call = may_call
        self._count = count
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._under_way: set[str] = set()
        self._recent: TTLCache[str, None] = TTLCache(_REMEMBERED, min(PAUSE_AFTER_FAILURE, max(max_age, 0.1)), timer)
        self._failed: TTLCache[str, None] = TTLCache(_REMEMBERED, PAUSE_AFTER_FAILURE, timer)
        self._failures = 0  # in a row
        self._rest_until = float("-inf")
        self._stopping = False
        self._threads = [BackgroundThread(f"re-reads {number + 1}", self.work_off) for number in range(at_once)]

    def revalidate(self, entry: Entry) -> bool:
        """Return True if an answer is too old, or its age is unknown, and request a re-read of its deal."""
        if not self._max_age or entry.status != 200 or entry.deal_id is None:
            return False
        if entry.data_as_of is not None and self._clock() - entry.data_as_of <= self._max_age:
            return False
        self.request(entry.deal_id)
        return True

    def request(self, deal_id: str) -> None:
        """Request a re-read of a deal, unless one is waiting, in progress, or was tried recently; does not block."""
        with self._lock:
            if deal_id in self._waiting or deal_id in self._under_way:
                return
            if deal_id in self._recent or deal_id in self._failed:
                return
            resting = self._timer() < self._rest_until or self._stopping
            skipped = resting or len(self._waiting) >= MOST_WAITING or not self._may_call()
            if not skipped:
                self._waiting[deal_id] = None
        if skipped:
            self._count(RereadOutcome.SKIPPED, 1)
            return
        for thread in self._threads:
            thread.start()
            thread.wake()

    def work_off(self) -> None:
        """Read the waiting deals again, one after the other."""
        while (deal_id := self._next()) is not None:
            outcome = RereadOutcome.FAILED
            try:
                outcome = self._reread(deal_id, lambda: self._stopping)
            except Exception:
                log.exception("deal %s could not be read again", deal_id)
            given_up = self._done(deal_id, outcome)
            self._count(outcome, 1)
            self._count(RereadOutcome.SKIPPED, given_up)

    def _next(self) -> str | None:
        with self._lock:
            if self._stopping or not self._waiting:
                return None
            deal_id, _ = self._waiting.popitem(last=False)
            self._under_way.add(deal_id)
            return deal_id

    def _done(self, deal_id: str, outcome: RereadOutcome) -> int:
        """Note an outcome; return how many waiting deals were given up because of it."""
        with self._lock:
            self._under_way.discard(deal_id)
            if outcome is not RereadOutcome.FAILED:
                self._recent[deal_id] = None
                if outcome is not RereadOutcome.UNNEEDED:  # which tells nothing about HubSpot
                    self._failures = 0
                return 0
            self._failed[deal_id] = None
            self._failures += 1
            rest = min(LONGEST_REST, FIRST_REST * 2.0 ** (self._failures - 1))
            self._rest_until = self._timer() + rest
            # Readers will request them again; by then HubSpot may answer.
            given_up = len(self._waiting)
            self._waiting.clear()
            return given_up

    def stop(self) -> None:
        """Stop the threads; a read in progress is given up."""
        self._stopping = True
        for thread in self._threads:
            thread.stop(0.0)
        for thread in self._threads:
            thread.stop(_STOP_SECONDS)
