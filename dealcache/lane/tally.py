"""Counts the hits of the lane without making them wait: for metrics, statistics, and the log.

The lane's thread only takes notes. A thread of this module hands them on a few times a second, and before anybody looks
at the counts. So many hits of each turn have log lines of their own, as all other requests have; the others share
lines that tell, deal by deal, how many there were. Each hit stands in the log, and each is counted, once.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dealcache.api.recorder import ReadRecorder
from dealcache.lane.fields import value_of
from dealcache.lane.target import KINDS, PATH_OF, Target
from dealcache.lane.wish import Wish
from dealcache.log_lines import log_hits, log_read, log_request, log_requests
from dealcache.logs import request_id_var
from dealcache.metrics import READ_BUCKETS, Metrics
from dealcache.tiers import CacheKey, View

log = logging.getLogger(__name__)

#: Seconds between two turns, and how many hits of each have log lines of their own: 100 a second. The lane waits while
#: such lines are made, so more of them would be seen in the 99th percentile of hits.
INTERVAL = 0.05
NAMED_PER_TURN = 5

#: Every so many turns the others are counted, and logged.
_COUNTED, _LOGGED = 4, 20


#: Targets that share a log line at most: some ten kilobytes.
_PER_LINE = 100

_Counted = tuple[tuple[Target, int], int]


class _Named(NamedTuple):
    """A hit that gets log lines of its own."""

    wish: Wish
    kind: int
    seconds: float
    at: float
    request_id: str
    size: int
    client: Any


class HitTally:
    """Takes note of hits in one thread, and hands them on from any.

    Args:
        recorder: counts reads; asks for what is not handed on yet before it tells.
        metrics: counts requests and durations.
        served: counts that memory's value under a key was served so many times.
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
        self._buckets = [0] * (len(READ_BUCKETS) + 1)
        self._seconds = 0.0
        self._named: deque[_Named] = deque()
        self._noted: deque[Target] = deque()
        self._room = NAMED_PER_TURN
        self._lock = threading.Lock()
        self._told_buckets = list(self._buckets)
        self._told_seconds = 0.0
        self._unlogged: Counter[tuple[Target, int]] = Counter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hit tally", daemon=True)
        recorder.settle_first(self.settle)

    def hit(
        self,
        wish: Wish,
        unmodified: bool,
        seconds: float,
        at: float,
        request_id: str,
        size: int,
        client: Any,
    ) -> None:
        """Take note of a hit.

        Args:
            wish: the request.
            unmodified: whether the answer was that the client has the value.
            seconds: how long it took.
            at: when it was, epoch seconds.
            request_id: the request's id.
            size: bytes of the body that was sent.
            client: the peer's address, as the socket gives it.
        """
        kind = wish.is_head * 2 + unmodified
        self._buckets[bisect_left(READ_BUCKETS, seconds)] += 1
        self._seconds += seconds
        if self._room > 0:
            self._room -= 1
            self._named.append(_Named(wish, kind, seconds, at, request_id, size, client))
            return
        target = wish.target
        target.unnamed[kind] += 1
        # In this order, and in the opposite one where they are counted: so no hit is forgotten.
        if not target.noted:
            target.noted = True
            self._noted.append(target)

    def settle(self) -> None:
        """Hand on all that was noted before the call; only log lines that hits share may come later."""
        with self._lock:
            self._tell_named_hits()
            self._count_unnamed_hits()

    def start(self) -> None:
        """Begin to hand on from time to time; called after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Hand on what is left, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self.settle()
        self._log_unnamed_hits()

    def _run(self) -> None:
        turn = 0
        while not self._stopping.wait(INTERVAL):
            turn += 1
            try:
                self._hand_on(turn)
            except Exception:
                log.exception("handing on hits failed; it goes on with the next ones")

    def _hand_on(self, turn: int) -> None:
        with self._lock:
            self._tell_named_hits()
            if turn % _COUNTED == 0:
                self._count_unnamed_hits()
            if turn % _LOGGED == 0:
                self._log_unnamed_hits()

    def _tell_named_hits(self) -> None:
        self._room = NAMED_PER_TURN
        for _ in range(len(self._named)):
            hit = self._named.popleft()
            self._count(hit.wish.target.view, hit.kind, 1)
            self._served(hit.wish.target.key, 1)
            self._log_named(hit)

    def _count_unnamed_hits(self) -> None:
        counts: Counter[tuple[View, int]] = Counter()
        for _ in range(len(self._noted)):
            target = self._noted.popleft()
            target.noted = False
            now = list(target.unnamed)
            new = [count - told for count, told in zip(now, target.told, strict=True)]
            target.told = now
            self._served(target.key, sum(new))
            for kind, count in enumerate(new):
                if count:
                    counts[target.view, kind] += count
                    self._unlogged[target, kind] += count
        for (view, kind), count in counts.items():
            self._count(view, kind, count)
        self._tell_durations()

    def _count(self, view: View, kind: int, count: int) -> None:
        self._metrics.lane_answered(count)
        self._recorder.hits(view, count)
        self._metrics.request_finished(PATH_OF[view], KINDS[kind][1], count)

    def _log_named(self, hit: _Named) -> None:
        target, milliseconds = hit.wish.target, hit.seconds * 1000.0
        method, status = KINDS[hit.kind]
        token = request_id_var.set(hit.request_id)
        try:
            log_read(target.view, target.deal.value, "memory", milliseconds, 200, at=hit.at)
            if self._log_requests:
                log_request(
                    method,
                    target.raw.decode(),
                    status,
                    milliseconds,
                    hit.size,
                    remote=_remote(hit.client),
                    user_agent=value_of(hit.wish.fields, b"user-agent"),
                    at=hit.at,
                )
        finally:
            request_id_var.reset(token)

    def _log_unnamed_hits(self) -> None:
        for some in _in_parts(list(self._unlogged.items())):
            reads: Counter[str] = Counter()
            requests: Counter[str] = Counter()
            for (target, kind), count in some:
                reads[f"{target.view}:{target.deal.value}"] += count
                method, status = KINDS[kind]
                requests[f"{method} {target.raw.decode()} {status}"] += count
            log_hits(reads)
            if self._log_requests:
                log_requests(requests)
        self._unlogged.clear()

    def _tell_durations(self) -> None:
        buckets, seconds = list(self._buckets), self._seconds
        counts = [count - told for count, told in zip(buckets, self._told_buckets, strict=True)]
        if any(counts):
            self._metrics.reads_lasted("memory", counts, seconds - self._told_seconds)
            self._told_buckets, self._told_seconds = buckets, seconds


def _in_parts(items: list[_Counted]) -> Iterator[list[_Counted]]:
    """The items, so many at a time that a log line stays one that a collector takes."""
    for start in range(0, len(items), _PER_LINE):
        yield items[start : start + _PER_LINE]


def _remote(client: Any) -> str:
    """The peer's address as gunicorn shows it: of a Unix socket, what the kernel gives for it."""
    if isinstance(client, bytes):
        return client.decode()
    return client if isinstance(client, str) else str(client[0])
