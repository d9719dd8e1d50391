"""Turns the bytes of a request into a finished answer, or leaves the request to a thread."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gunicorn import SERVER
from gunicorn.util import http_date

from dealcache.api.access import Need, Tokens
from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.api.edge import RequestIds
from dealcache.api.responses import content_headers, not_modified, read_headers
from dealcache.lane.hit_recorder import HitRecorder
from dealcache.lane.hit_request import ROUTES, HitRequest, HitRequestParser
from dealcache.lane.known_requests import KnownRequests
from dealcache.lane.support import ParserLimits
from dealcache.reader.answers import Answer, Step, TierOutcome
from dealcache.reader.tiered_cache import TieredCache
from dealcache.tiers import Entry, Slot
from dealcache.tiers.slots import GONE

#: How many heads of answers are kept: as many as routes, about ten megabytes. Each is out of date after a second.
_HEADS = ROUTES

#: A finished answer: head, body, and how many bytes of the input its request took. A plain tuple, because creating an
#: object of a class takes as long as finding the value.
Reply = tuple[bytes, bytes, int]


@dataclass(slots=True)
class ResponseHead:
    """The head of answers with one entry in one second, as a 200 and as a 304.

    Both end with the duration of ``Server-Timing`` to come. ``until`` is when they go out of date, epoch seconds;
    ``etag`` is the entity tag as it stands in the answer.
    """

    until: float
    full: bytes
    unmodified: bytes
    etag: bytes


class HitLane:
    """Answers requests for fresh values of the memory tier; for one thread.

    Args:
        cache: the cache tiers.
        tokens: the bearer tokens that may read.
        cors: makes the cross-origin headers.
        guard: knows the host names that the service answers to.
        recorder: counts and logs the hits.
        clock: the wall clock, epoch seconds.
        timer: the clock that durations are measured with, seconds.
    """

    def __init__(
        self,
        cache: TieredCache,
        tokens: Tokens,
        cors: Cors,
        guard: CrossSiteGuard,
        recorder: HitRecorder,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._cache = cache
        self._tokens = tokens
        self._open = tokens.refusal(Need.READ, None) is None
        self._cors = cors
        self._guard = guard
        self._recorder = recorder
        self._clock = clock
        self._timer = timer
        self._ids = RequestIds()
        self._heads: deque[tuple[Slot, ResponseHead]] = deque()
        self.limit(ParserLimits())

    def limit(self, limits: ParserLimits) -> None:
        """Take over the limits of the server."""
        self._parser = HitRequestParser(self._cors, self._guard, limits)
        self._known = KnownRequests()
        self._same = self._known.same

    def answer(self, data: bytes, seen: int, client: Any) -> Reply | None:
        """Return the answer to the request that ``data`` begins with, or None if a thread must answer it.

        Args:
            data: the bytes received on the connection, from the beginning of a request on.
            seen: how many of these bytes were examined before, when the request was still incomplete.
            client: the peer's address, as the socket gives it.

        Raises:
            Incomplete: the head of the request is not there in full.
        """
        started = self._timer()
        request, request_id = self._same(data), None
        if request is None:
            request, request_id = self._known.find(data) or self._parse(data, seen, started)
        if request is None:
            return None
        route = request.route
        slot = route.slot
        if slot.entry is GONE:
            route.slot = slot = self._cache.slot(route.key) or slot
        entry, now = slot.entry, self._clock()
        if not self._cache.is_good(entry, now):
            return None
        if not self._open and self._tokens.refusal(Need.READ, request.authorization) is not None:
            return None
        ready = slot.derived
        if not isinstance(ready, ResponseHead) or now >= ready.until:
            ready = self._keep_head(slot, make_response_head(entry, now))
        tags = request.if_none_match
        unmodified = tags is not None and (
            tags == ready.etag or not_modified(tags.decode("latin-1"), ready.etag.decode())
        )
        body = b"" if unmodified or request.is_head else entry.body
        request_id = request_id or self._ids.new()
        seconds = self._timer() - started
        self._recorder.hit(request, unmodified, seconds, now, request_id, len(body), client)
        start = ready.unmodified if unmodified else ready.full
        head = b"%b%.3f\r\nX-Request-ID: %b\r\n%b" % (start, seconds * 1000.0, request_id, request.end)
        return head, body, len(data) - request.follows

    def _parse(self, data: bytes, seen: int, now: float) -> tuple[HitRequest | None, bytes | None]:
        request = self._parser.parse(data, seen)
        if request is None:
            return None, None
        self._known.add(data, request, now)
        return request, request.request_id

    def _keep_head(self, slot: Slot, head: ResponseHead) -> ResponseHead:
        """Keep a head in the slot of its entry, and no more than :data:`_HEADS` in all slots together."""
        slot.derived = head
        self._heads.append((slot, head))
        if len(self._heads) > _HEADS:
            other, earlier = self._heads.popleft()
            if other.derived is earlier:
                other.derived = None
        return head


def make_response_head(entry: Entry, now: float) -> ResponseHead:
    """Make the head of answers with ``entry``, a fresh value of memory, at ``now``, epoch seconds."""
    age = max(0, int(now - entry.fetched_at))
    ttl = math.floor(entry.expires_at - now)
    # When the first of Date, Age and the ttl of Cache-Status changes.
    until = min(math.floor(now) + 1.0, entry.fetched_at + age + 1.0, entry.expires_at - ttl)
    answer = Answer(entry, "memory", (Step("memory", TierOutcome.HIT, 0.0),))
    *others, (last, _) = read_headers(answer, now)
    end = f"{_lines(others)}{last}: memory;dur="
    return ResponseHead(until, _head(entry, now, False, end), _head(entry, now, True, end), entry.etag.encode())


def _head(entry: Entry, now: float, unmodified: bool, end: str) -> bytes:
    status, content = content_headers(entry.body, entry.etag, unmodified)
    start = f"HTTP/1.1 {status}\r\nServer: {SERVER}\r\nDate: {_date(int(now))}\r\nConnection: keep-alive\r\n"
    return f"{start}{_lines(content)}{end}".encode("latin-1")


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


@lru_cache(2)  # in each second all values that are asked for get a new head
def _date(second: int) -> str:
    date: str = http_date(second)
    return date
