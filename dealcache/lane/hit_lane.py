"""Decides on the bytes of a request: a finished answer, or the ordinary way."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from gunicorn_h1c import IncompleteError, ParseError, parse_request

from dealcache.api.access import Need, Tokens
from dealcache.api.cors import Cors
from dealcache.api.edge import request_id_of
from dealcache.api.read_headers import not_modified
from dealcache.lane.fields import AUTHORIZATION, IF_NONE_MATCH, ORIGIN, REQUEST_ID, fields_that_matter
from dealcache.lane.heads import Heads, make_heads
from dealcache.lane.tally import HitTally
from dealcache.lane.target import Target, parse_target
from dealcache.reader.tiered_cache import TieredCache
from dealcache.tiers import Entry, Slot
from dealcache.tiers.memory import GONE

#: Raised for bytes that are the beginning of a request, and might become any.
Incomplete = IncompleteError

#: Targets that are remembered, and up to which length in bytes: at most some megabytes.
_TARGETS, _LONGEST_TARGET = 8192, 512
_ORIGINS = 256


class Reply(NamedTuple):
    """A finished answer, and how many bytes of the input its request took."""

    head: bytes
    body: bytes
    consumed: int


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
        self._tally = tally
        self._clock = clock
        self._timer = timer
        self._limits: dict[str, Any] = {}
        self._target = lru_cache(maxsize=_TARGETS)(parse_target)
        self._cors_lines = lru_cache(maxsize=_ORIGINS)(partial(_cors_lines, cors))

    def limit(self, **limits: Any) -> None:
        """Take over the limits of the server: keyword arguments of gunicorn_h1c's parser."""
        self._limits = limits

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
        try:
            # The function, and the limits, that gunicorn's threads go by: what it takes here it takes there.
            request = parse_request(data, last_len=seen, **self._limits)
        except ParseError:
            return None  # what is wrong with it is found, and said, on the ordinary way
        method = request["method"]
        # An empty line before a request is allowed (RFC 9112, 2.2); gunicorn measures such requests in its own way.
        if not allowed or (method != b"GET" and method != b"HEAD") or request["minor_version"] != 1 or data[0] == 13:
            return None
        raw = request["path"]
        target = self._target(raw) if len(raw) <= _LONGEST_TARGET else parse_target(raw)
        if target is None:
            return None
        slot, entry = self._look(target)
        now = self._clock()
        if not self._cache.is_good(entry, now):
            return None
        fields = request["headers"]
        values = fields_that_matter(fields)
        if values is None or not self._may_read(values[AUTHORIZATION]):
            return None
        heads = slot.derived
        if not isinstance(heads, Heads) or now >= heads.until:
            heads = slot.derived = make_heads(entry, now)
        unmodified = _is_unmodified(values[IF_NONE_MATCH], heads)
        is_head = method == b"HEAD"
        head = heads.unmodified if unmodified else heads.full
        body = b"" if unmodified or is_head else entry.body
        request_id = _request_id(values[REQUEST_ID])
        seconds = self._timer() - started
        self._tally.hit(target, is_head * 2 + unmodified, seconds, now, request_id, len(body), fields, client)
        last = f"{seconds * 1000.0:.3f}\r\nX-Request-ID: {request_id}\r\n"
        return Reply(b"".join((head, last.encode(), self._cors_lines(values[ORIGIN]))), body, request["consumed"])

    def _look(self, target: Target) -> tuple[Slot, Entry]:
        """Where memory's value is, and the value; :data:`GONE` when there is none."""
        slot = target.slot
        if slot.entry is GONE:
            target.slot = slot = self._cache.slot(target.key) or slot
        return slot, slot.entry

    def _may_read(self, authorization: bytes | None) -> bool:
        given = None if authorization is None else authorization.decode("latin-1")
        return self._tokens.refusal(Need.READ, given) is None


def _is_unmodified(if_none_match: bytes | None, heads: Heads) -> bool:
    if if_none_match is None:
        return False
    return if_none_match == heads.etag or not_modified(if_none_match.decode("latin-1"), heads.etag.decode())


def _request_id(given: bytes | None) -> str:
    return request_id_of(None if given is None else given.decode("latin-1"))


def _cors_lines(cors: Cors, origin: bytes | None) -> bytes:
    """The end of a head: the cross-origin header lines, and the empty line."""
    headers = cors.headers(None if origin is None else origin.decode("latin-1"))
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1") + b"\r\n"
