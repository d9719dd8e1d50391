"""Decides on the bytes of a request: a finished answer, or the ordinary way."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from dealcache.api.access import Need, Tokens
from dealcache.api.cors import Cors
from dealcache.api.edge import RequestIds
from dealcache.api.read_headers import not_modified
from dealcache.lane.heads import Heads, make_heads
from dealcache.lane.tally import HitTally
from dealcache.lane.target import parse_target
from dealcache.lane.wish import Incomplete as Incomplete
from dealcache.lane.wish import Wish, WishReader
from dealcache.reader.tiered_cache import TieredCache
from dealcache.tiers.memory import GONE

#: How many targets and requests are remembered, each up to how many bytes long: a few megabytes of each.
_TARGETS, _LONGEST_TARGET = 8192, 512
_REQUESTS, _LONGEST_REQUEST = 2048, 2048

#: A finished answer: head, body, and how many bytes of the input its request took. A plain tuple, because to make an
#: object of a class takes as long as to find the value.
Reply = tuple[bytes, bytes, int]


class HitLane:
    """Answers requests for fresh values of the memory tier; for one thread.

    Args:
        cache: the cache tiers.
        tokens: who may read.
        cors: the cross-origin headers.
        tally: is told each hit.
        clock: the wall clock, epoch seconds.
        timer: the clock that durations are measured with, seconds.
    """

    def __init__(
        self,
        cache: TieredCache,
        tokens: Tokens,
        cors: Cors,
        tally: HitTally,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._cache = cache
        self._tokens = tokens
        self._open = tokens.refusal(Need.READ, None) is None
        self._cors = cors
        self._tally = tally
        self._clock = clock
        self._timer = timer
        self._ids = RequestIds()
        remembered = lru_cache(maxsize=_TARGETS)(parse_target)
        self._find_target = lambda raw: remembered(raw) if len(raw) <= _LONGEST_TARGET else parse_target(raw)
        # What a request asks for is decided by its bytes alone, and browsers send the same ones again and again.
        self._known: OrderedDict[bytes, Wish] = OrderedDict()
        self.limit()

    def limit(self, **limits: Any) -> None:
        """Take over the limits of the server: keyword arguments of gunicorn_h1c's parser."""
        self._reader = WishReader(self._cors, limits, self._find_target)
        self._known.clear()

    def answer(self, data: bytes, seen: int, client: Any, allowed: bool = True) -> Reply | None:
        """The answer to the request that ``data`` begins with, or None when it has to go the ordinary way.

        Args:
            data: what the connection has brought, from the beginning of a request on.
            seen: how many bytes of it were looked at before, when it was incomplete then.
            client: the peer's address, as the socket gives it.
            allowed: whether an answer may be given at all; if not, only whether the head is complete is found out.

        Raises:
            Incomplete: the head of the request is not there in full.
        """
        started = self._timer()
        wish = self._known.get(data) or self._read(data, seen)
        if wish is None or not allowed:
            return None
        target = wish.target
        slot = target.slot
        if slot.entry is GONE:
            target.slot = slot = self._cache.slot(target.key) or slot
        entry, now = slot.entry, self._clock()
        if not self._cache.is_good(entry, now) or not (self._open or self._may_read(wish)):
            return None
        heads = slot.derived
        if not isinstance(heads, Heads) or now >= heads.until:
            heads = slot.derived = make_heads(entry, now)
        unmodified = wish.if_none_match is not None and _is_unmodified(wish.if_none_match, heads)
        body = b"" if unmodified or wish.is_head else entry.body
        request_id = wish.request_id or self._ids.new()
        seconds = self._timer() - started
        self._tally.hit(wish, unmodified, seconds, now, request_id, len(body), client)
        start = heads.unmodified if unmodified else heads.full
        head = b"%b%.3f\r\nX-Request-ID: %b\r\n%b" % (start, seconds * 1000.0, request_id.encode(), wish.end)
        return head, body, wish.consumed

    def _read(self, data: bytes, seen: int) -> Wish | None:
        """What a request asks for, remembered unless it has an id of its own: then the same one never comes again."""
        wish = self._reader.read(data, seen)
        if wish is not None and not wish.has_id and len(data) <= _LONGEST_REQUEST:
            self._known[data] = wish
            if len(self._known) > _REQUESTS:
                self._known.popitem(last=False)
        return wish

    def _may_read(self, wish: Wish) -> bool:
        return self._tokens.refusal(Need.READ, wish.authorization) is None


def _is_unmodified(if_none_match: bytes, heads: Heads) -> bool:
    return if_none_match == heads.etag or not_modified(if_none_match.decode("latin-1"), heads.etag.decode())
