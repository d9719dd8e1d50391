"""Monitors the dependencies of this process in threads of its own, so that a request for the status waits for nothing.

A request makes the monitor take a new snapshot of MongoDB and Redis and waits for it some milliseconds at most; after
that it uses the last one. The monitor also takes snapshots by itself now and then, so that the first request finds one
too. Whether HubSpot answers is known from the calls that are made anyway or, without any, from probes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dealcache.background import BackgroundThread
from dealcache.cluster.reports import CallOutcome
from dealcache.repositories import Overview, StoreError

log = logging.getLogger(__name__)

#: Seconds between two snapshots: while there are requests, and when there was none for a minute.
ASKED_SECONDS, IDLE_SECONDS = 1.5, 8.0
_ASKED_LATELY_SECONDS = 60.0

#: The share of the time that a query of a whole collection may take, likewise.
_ASKED_SHARE, _IDLE_SHARE = 0.05, 0.005

#: Queries that take no longer are part of each snapshot.
_QUICK_SECONDS = 0.005

#: Seconds that a request waits for a new snapshot.
WAIT_SECONDS = 0.005

#: Seconds for which a snapshot counts as new, and after which it no longer counts.
_NEW_SECONDS, _OLD_SECONDS = 0.1, 12.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the dependencies at one moment.

    ``began_at`` is on the monitor's clock; ``overview`` is None if MongoDB did not answer; ``redis`` tells whether
    Redis did, None without Redis; ``calls`` has the calls left of each of HubSpot's limits, and the limit.
    """

    began_at: float = float("-inf")
    overview: Overview | None = None
    redis: bool | None = None
    calls: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True if there was no snapshot, or none that counts."""
        return self.began_at == float("-inf")


class StatusMonitor:
    """Takes snapshots.

    Args:
        read: returns the state of the database; raises StoreError if MongoDB does not answer.
        scan: renews the slow parts within a share of the time, see :meth:`.OverviewRepository.scan`.
        find_workers: looks up the live processes; may raise StoreError too.
        ping_redis: returns whether Redis answers; None without one.
        calls: returns the calls left of each of HubSpot's limits, and the limit, by the name of the bucket.
        probe_hubspot: requests a probe of HubSpot, unless its state is known, without waiting for its answer.
        on_snapshot: called with each snapshot, before requests get it.
        timer: the monotonic clock, in seconds.

    ``thread`` is to be started after the fork; a snapshot in progress, perhaps of a hanging MongoDB, ends by itself.
    """

    def __init__(
        self,
        read: Callable[[], Overview],
        scan: Callable[[float, float], bool],
        find_workers: Callable[[], object],
        ping_redis: Callable[[], bool] | None,
        calls: Callable[[], Mapping[str, tuple[int, int]]],
        probe_hubspot: Callable[[], None],
        on_snapshot: Callable[[Snapshot], None],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._scan = scan
        self._find_workers = find_workers
        self._ping_redis = ping_redis
        self._calls = calls
        self._probe_hubspot = probe_hubspot
        self._on_snapshot = on_snapshot
        self._timer = timer
        self._asked_at = float("-inf")
        self._last = Snapshot()
        self._changed = threading.Condition()
        self.thread = BackgroundThread("status", self.renew, IDLE_SECONDS)

    def request(self) -> float:
        """Request a new snapshot unless the last one is new; return the time of the request, for :meth:`newest`."""
        self._asked_at = self._timer()
        if self._asked_at - self._last.began_at > _NEW_SECONDS:
            self.thread.wake()
        return self._asked_at

    def newest(self, asked_at: float, within: float = WAIT_SECONDS) -> Snapshot:
        """Return the last snapshot; one begun after ``asked_at`` if there is one ``within`` so many seconds.

        While MongoDB does not answer it returns at once. A snapshot that is too old is replaced by an empty one.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._is_worth_waiting(asked_at), within)
            last = self._last
        return last if self._timer() - last.began_at <= _OLD_SECONDS else Snapshot()

    def _is_worth_waiting(self, asked_at: float) -> bool:
        last = self._last
        has_failed = last.overview is None and not last.is_empty
        return not has_failed and last.began_at < asked_at - _NEW_SECONDS

    def renew(self) -> float:
        """Take a snapshot; return the seconds until the next one."""
        asked_lately = self._timer() - self._asked_at < _ASKED_LATELY_SECONDS
        share = _ASKED_SHARE if asked_lately else _IDLE_SHARE
        if asked_lately:
            self._probe_hubspot()
        if self._renew_once(share) and self._has_scanned(share):
            self._renew_once(share)
        return ASKED_SECONDS if asked_lately else IDLE_SECONDS

    def _renew_once(self, share: float) -> bool:
        """Snapshot, and return True if MongoDB answered."""
        began_at = self._timer()
        overview: Overview | None = None
        try:
            self._find_workers()
            self._scan(share, _QUICK_SECONDS)
            overview = self._read()
        except StoreError as failure:
            log.debug("the state of MongoDB cannot be read: %s", failure)
        redis = None if self._ping_redis is None else self._ping_redis()
        snapshot = Snapshot(began_at, overview, redis, self._calls())
        self._on_snapshot(snapshot)
        with self._changed:
            self._last = snapshot
            self._changed.notify_all()
        return overview is not None

    def _has_scanned(self, share: float) -> bool:
        try:
            return self._scan(share, float("inf"))
        except StoreError as failure:
            log.debug("MongoDB's documents cannot be counted: %s", failure)
            return False


class HubSpotProbe:
    """Probes HubSpot in a thread of its own, only when that is woken.

    Args:
        last_outcome: returns whether HubSpot served the last call of this process, and how many seconds ago that was;
            None before any.
        answers: returns whether HubSpot answers, after a probe if necessary.
        timer: the monotonic clock, in seconds.

    ``thread`` is to be started after the fork, without a first round; a probe in progress ends by itself.
    """

    def __init__(
        self,
        last_outcome: Callable[[], tuple[bool, float] | None],
        answers: Callable[[], bool],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last_outcome = last_outcome
        self._answers = answers
        self._timer = timer
        self._probed: tuple[bool, float] | None = None
        self.thread = BackgroundThread("HubSpot probe", self.probe)

    def last_outcome(self) -> CallOutcome | None:
        """Return the outcome of the last call or probe of this process; None before any."""
        known = [CallOutcome(*last)] if (last := self._last_outcome()) is not None else []
        if self._probed is not None:
            served, at = self._probed
            known.append(CallOutcome(served, self._timer() - at))
        return min(known, key=lambda one: one.age, default=None)

    def probe(self) -> None:
        """Probe HubSpot."""
        self._probed = self._answers(), self._timer()
