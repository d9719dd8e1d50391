"""Counts the hits of the lane without making them wait: for metrics, statistics, and the log.

The lane's thread only takes notes. A background thread hands them on a few times a second, and before the counts are
shown. In each turn a limited number of hits get log lines of their own, as all other requests do; the others share
lines that give their number deal by deal. Each hit is logged once and counted once.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from dealcache.api.recorder import ReadRecorder
from dealcache.background import BackgroundThread
from dealcache.lane.hit_request import KINDS, PATH_OF, HitRequest, Route
from dealcache.telemetry.latencies import BOUNDS
from dealcache.telemetry.log_lines import log_hits, log_read, log_request, log_requests
from dealcache.telemetry.logs import request_id_var
from dealcache.telemetry.metrics import Metrics
from dealcache.tiers import CacheKey, View

#: Seconds between two turns, and how many hits of each have log lines of their own: 100 a second. The lane waits while
#: such lines are made, so more of them would be seen in the 99th percentile of hits.
INTERVAL = 0.05
LOGGED_PER_TURN = 5

#: Turns after which the others are counted and logged.
_COUNTED, _LOGGED = 4, 20

#: Routes that share a log line at most: some ten kilobytes.
_PER_LINE = 100


class _Hit(NamedTuple):
    """A hit that gets log lines of its own."""

    request: HitRequest
    kind: int
    seconds: float
    at: float
    request_id: bytes
    size: int
    client: Any


class HitRecorder:
    """Takes note of hits in one thread, and hands them on from any.

    Args:
        recorder: counts and measures reads; calls :meth:`settle` before it shows its counts.
        metrics: counts requests.
        served: adds to the number of times that memory's value under a key was served.
        log_requests: whether the log shows requests beside reads.
    """

    def __init__(
        self,
        recorder: ReadRecorder,
        metrics: Metrics,
        served: Callable[[CacheKey, int], None],
        log_requests: bool,
    ) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._served = served
        self._log_requests = log_requests
        # Written by the lane's thread alone: an addition by two threads can lose one of them.
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._hits: deque[_Hit] = deque()
        self._noted: deque[Route] = deque()
        self._room = LOGGED_PER_TURN
        self._lock = threading.Lock()
        self._counted_buckets = list(self._buckets)
        self._counted_seconds = 0.0
        self._unlogged: Counter[tuple[Route, int]] = Counter()
        self._turn = 0
        self._thread = BackgroundThread("hit recorder", self._flush, INTERVAL)
        recorder.settle = self.settle

    def hit(
        self,
        request: HitRequest,
        unmodified: bool,
        seconds: float,
        at: float,
        request_id: bytes,
        size: int,
        client: Any,
    ) -> None:
        """Take note of a hit.

        Args:
            request: the request.
            unmodified: whether the answer was a 304.
            seconds: the time it took.
            at: the wall clock, epoch seconds.
            request_id: the id in the answer.
            size: bytes of the body that was sent.
            client: the peer's address, as the socket gives it.
        """
        kind = request.is_head * 2 + unmodified
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds
        if self._room > 0:
            self._room -= 1
            self._hits.append(_Hit(request, kind, seconds, at, request_id, size, client))
            return
        route = request.route
        route.unlogged[kind] += 1
        # In this order here, and in the opposite order where they are counted, so that no hit is lost.
        if not route.is_noted:
            route.is_noted = True
            self._noted.append(route)

    def settle(self) -> None:
        """Hand on everything noted before the call; only shared log lines may come later."""
        with self._lock:
            self._flush_single_hits()
            self._count_others()

    def start(self) -> None:
        """Begin to hand on from time to time; called after the fork."""
        self._thread.start(INTERVAL)

    def stop(self) -> None:
        """Hand on what is left, and end."""
        self._thread.stop()
        self.settle()
        self._log_others()

    def _flush(self) -> None:
        self._turn += 1
        with self._lock:
            self._flush_single_hits()
            if self._turn % _COUNTED == 0:
                self._count_others()
            if self._turn % _LOGGED == 0:
                self._log_others()

    def _flush_single_hits(self) -> None:
        self._room = LOGGED_PER_TURN
        for _ in range(len(self._hits)):
            hit = self._hits.popleft()
            self._count(hit.request.route.view, hit.kind, 1)
            self._served(hit.request.route.key, 1)
            self._log(hit)

    def _count_others(self) -> None:
        counts: Counter[tuple[View, int]] = Counter()
        for _ in range(len(self._noted)):
            route = self._noted.popleft()
            route.is_noted = False
            before, route.counted = route.counted, list(route.unlogged)
            new = [count - counted for count, counted in zip(route.counted, before, strict=True)]
            self._served(route.key, sum(new))
            for kind, count in enumerate(new):
                if count:
                    counts[route.view, kind] += count
                    self._unlogged[route, kind] += count
        for (view, kind), count in counts.items():
            self._count(view, kind, count)
        self._count_durations()

    def _count(self, view: View, kind: int, count: int) -> None:
        self._metrics.lane_hits.inc(count)
        self._recorder.hits(view, count)
        self._metrics.request_finished(PATH_OF[view], KINDS[kind][1], count=count)

    def _count_durations(self) -> None:
        buckets, seconds = list(self._buckets), self._seconds
        counts = [count - counted for count, counted in zip(buckets, self._counted_buckets, strict=True)]
        if any(counts):
            self._recorder.hits_lasted(counts, seconds - self._counted_seconds)
            self._counted_buckets, self._counted_seconds = buckets, seconds

    def _log(self, hit: _Hit) -> None:
        route, milliseconds = hit.request.route, hit.seconds * 1000.0
        method, status = KINDS[hit.kind]
        token = request_id_var.set(hit.request_id.decode())
        try:
            log_read(route.view, route.deal.value, "memory", milliseconds, 200, at=hit.at)
            if self._log_requests:
                log_request(
                    method,
                    route.raw.decode(),
                    status,
                    milliseconds,
                    hit.size,
                    remote=_remote(hit.client),
                    user_agent=hit.request.user_agent,
                    at=hit.at,
                )
        finally:
            request_id_var.reset(token)

    def _log_others(self) -> None:
        items = list(self._unlogged.items())
        # Few enough at a time for a log line that collectors accept.
        for start in range(0, len(items), _PER_LINE):
            reads: Counter[str] = Counter()
            requests: Counter[str] = Counter()
            for (route, kind), count in items[start : start + _PER_LINE]:
                reads[f"{route.view}:{route.deal.value}"] += count
                method, status = KINDS[kind]
                requests[f"{method} {route.raw.decode()} {status}"] += count
            log_hits(reads)
            if self._log_requests:
                log_requests(requests)
        self._unlogged.clear()


def _remote(client: Any) -> str:
    """Return the peer's address as gunicorn shows it: of a Unix socket, what the kernel gives for it."""
    if isinstance(client, bytes):
        return client.decode()
    return client if isinstance(client, str) else str(client[0])
