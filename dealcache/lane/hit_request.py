"""Parses plain requests for a view of a deal: everything that depends on the bytes of a request alone.

A route is a target that names such a view; it is remembered, and counts how often it was answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial

from gunicorn_h1c import IncompleteError, ParseError, parse_request

from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.api.edge import sane_request_id
from dealcache.api.query import PATHS, deal_key, parse_query
from dealcache.lane.support import SCHEME_FIELDS, ParserLimits
from dealcache.model.deals import DealKey
from dealcache.tiers import CacheKey, Slot, View
from dealcache.tiers.slots import GONE

#: Raised for bytes that are only the beginning of a request.
Incomplete = IncompleteError

#: Names, in any case, and values.
_Fields = Iterable[tuple[bytes, bytes]]

#: RFC 9112, 3.2: a target is printable ASCII; without a fragment, which belongs to the client (RFC 9110, 4.2.5).
_QUERY = re.compile(rb"[\x21\x22\x24-\x7e]+")

_VIEWS = {path.encode(): view for path, view in PATHS.items()}

#: The path of each view.
PATH_OF = {view: path for path, view in PATHS.items()}

#: The kinds of answers that are counted separately: the method and the status of each.
KINDS = (("GET", 200), ("GET", 304), ("HEAD", 200), ("HEAD", 304))

#: A slot that was never filled.
_NOWHERE = Slot(CacheKey(View.INFO, "name", ""), GONE)

#: How many routes are remembered, each up to how many bytes long: a few megabytes.
ROUTES, _LONGEST_TARGET = 8192, 512

#: Origins whose headers are remembered.
_ORIGINS = 256

#: Indexes of the header fields that matter, in the result of :func:`fields_that_matter`.
_AUTHORIZATION, _IF_NONE_MATCH, _ORIGIN, _REQUEST_ID, _CACHE_CONTROL, _CONNECTION, _HOST, _SCHEME, _AGENT = range(9)
_COUNT = 9

#: The index of fields that leave a request to a thread: a body, an expectation, another protocol.
_UNUSUAL = -1

_PLACES = {
    b"authorization": _AUTHORIZATION,
    b"if-none-match": _IF_NONE_MATCH,
    b"origin": _ORIGIN,
    b"x-request-id": _REQUEST_ID,
    b"cache-control": _CACHE_CONTROL,
    b"connection": _CONNECTION,
    b"host": _HOST,
    b"user-agent": _AGENT,
    b"content-length": _UNUSUAL,
    b"content-type": _UNUSUAL,
    b"transfer-encoding": _UNUSUAL,
    b"expect": _UNUSUAL,
    b"upgrade": _UNUSUAL,
    # One alone changes nothing about a hit; two may contradict each other.
    **dict.fromkeys(SCHEME_FIELDS, _SCHEME),
}

#: The indexes of names as they were written, a bounded number of them, and the one of all other names.
_spellings: dict[bytes, int | None] = {}
_MOST_SPELLINGS = 1000
_UNKNOWN = -2


class Route:
    """A request target, and what is known of it.

    Args:
        raw: the target as it stands in the request line.
        view: the view that it asks for.
        deal: the deal that it names.

    ``slot`` is where memory's value was when the target was asked for last. ``unlogged`` counts, by :data:`KINDS`, the
    answers that share log lines, ``counted`` how many of them are counted, and ``is_noted`` is True while the others
    are waiting for that; see ``HitRecorder``.
    """

    __slots__ = ("counted", "deal", "is_noted", "key", "raw", "slot", "unlogged", "view")

    def __init__(self, raw: bytes, view: View, deal: DealKey) -> None:
        self.raw = raw
        self.view = view
        self.deal = deal
        self.key = CacheKey.of(view, deal)
        self.slot = _NOWHERE
        self.unlogged = [0] * len(KINDS)
        self.counted = [0] * len(KINDS)
        self.is_noted = False


@dataclass(slots=True)  # quicker to look into than a named tuple
class HitRequest:
    """A plain request for a view of a deal.

    ``has_id`` is True if the caller gave it an id, ``request_id`` is that id if it looks sane; ``end`` is the end of
    the answer's head, cross-origin headers and the empty line; ``follows`` is how many of the bytes received come
    after the request.
    """

    route: Route
    is_head: bool
    authorization: str | None
    if_none_match: bytes | None
    has_id: bool
    request_id: bytes | None
    user_agent: str
    end: bytes
    follows: int


class HitRequestParser:
    """Parses requests.

    Args:
        cors: makes the cross-origin headers.
        guard: knows the host names that are answered to.
        limits: the server's limits.
    """

    def __init__(self, cors: Cors, guard: CrossSiteGuard, limits: ParserLimits) -> None:
        self._guard = guard
        self._end = lru_cache(maxsize=_ORIGINS)(partial(_end_of_head, cors))
        self._route = lru_cache(maxsize=ROUTES)(parse_route)
        self._limits = limits

    def parse(self, data: bytes, seen: int = 0) -> HitRequest | None:
        """Return the request that ``data`` begins with, or None if it is not for the lane; see ``HitLane.answer``.

        Raises:
            Incomplete: the head of the request is not there in full.
        """
        try:
            # gunicorn's threads use the same function and the same limits, so that both accept the same requests.
            request = parse_request(data, seen, *self._limits)
        except ParseError:
            return None  # a thread finds out and reports what is wrong with it
        method = request["method"]
        # An empty line before a request is allowed (RFC 9112, 2.2); gunicorn measures such requests in its own way.
        if method not in (b"GET", b"HEAD") or request["minor_version"] != 1 or data.startswith(b"\r"):
            return None
        target = request["path"]
        route = self._route(target) if len(target) <= _LONGEST_TARGET else parse_route(target)
        values = None if route is None else fields_that_matter(request["headers"])
        if route is None or values is None or not self._guard.allows_host(_text(values[_HOST])):
            return None
        return HitRequest(
            route,
            method == b"HEAD",
            _text(values[_AUTHORIZATION]),
            values[_IF_NONE_MATCH],
            values[_REQUEST_ID] is not None,
            sane_request_id(values[_REQUEST_ID]),
            _text(values[_AGENT]) or "-",
            self._end(values[_ORIGIN]),
            len(data) - request["consumed"],
        )


def check_head(data: bytes, seen: int, limits: ParserLimits) -> None:
    """Return if the head of the request that ``data`` begins with is complete, or the bytes are no request.

    Raises:
        Incomplete: the head of the request is not there in full.
    """
    with suppress(ParseError):  # a thread finds out what is wrong
        parse_request(data, seen, *limits)


def fields_that_matter(fields: _Fields) -> list[bytes | None] | None:
    """Return the values of the fields that matter to a hit, each at its index; None for an unusual request.

    Unusual are a field that matters and comes twice, one with an underscore, whose name gunicorn would have to judge,
    one that announces a body, one that ends the connection, and one that asks to bypass the cache.
    """
    values: list[bytes | None] = [None] * _COUNT
    known = _spellings.get
    for name, value in fields:
        place = known(name, _UNKNOWN)
        if place == _UNKNOWN:
            place = _place_of(name)
        if place is None:
            continue
        if place == _UNUSUAL or values[place] is not None:
            return None
        values[place] = value
    connection, cache_control = values[_CONNECTION], values[_CACHE_CONTROL]
    if connection is not None and connection.lower() != b"keep-alive":
        return None
    if cache_control is not None and b"no-cache" in cache_control.lower():
        return None
    return values


def _place_of(name: bytes) -> int | None:
    """Return the index of a field by its name in any case; None for a field that changes nothing."""
    place = _UNUSUAL if b"_" in name else _PLACES.get(name.lower())
    if len(_spellings) < _MOST_SPELLINGS:
        _spellings[name] = place
    return place


def _end_of_head(cors: Cors, origin: bytes | None) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in cors.headers(_text(origin)))
    return f"{lines}\r\n".encode("latin-1")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def parse_route(raw: bytes) -> Route | None:
    """Return the route of a target that asks for one view of one deal and for nothing else, or None."""
    path, _, query = raw.partition(b"?")
    view = _VIEWS.get(path)
    if view is None or not _QUERY.fullmatch(query):
        return None
    try:
        ((name, (text,)),) = parse_query(query.decode()).items()
        deal = deal_key({name: text})
    except ValueError:
        return None
    return None if deal is None else Route(raw, view, deal)
