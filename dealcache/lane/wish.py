"""What a plain request asks for: everything that its bytes alone decide."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from gunicorn_h1c import IncompleteError, ParseError, parse_request

from dealcache.api.cors import Cors
from dealcache.api.edge import sane_request_id
from dealcache.lane.fields import AUTHORIZATION, IF_NONE_MATCH, ORIGIN, REQUEST_ID, Fields, fields_that_matter
from dealcache.lane.target import Target, parse_target

#: Raised for bytes that are the beginning of a request, and might become any.
Incomplete = IncompleteError

#: Origins whose headers are remembered.
_ORIGINS = 256


class Wish(NamedTuple):
    """A plain request for a view of a deal.

    Args:
        target: the view and the deal.
        is_head: whether only the head of the answer is wanted.
        authorization: the field's value.
        if_none_match: the field's value.
        has_id: whether the caller gave it an id.
        request_id: that id, when it looks sane.
        end: the end of the answer's head: the cross-origin headers and the empty line.
        fields: all header fields of the request.
        consumed: how many bytes the request takes.
    """

    target: Target
    is_head: bool
    authorization: str | None
    if_none_match: bytes | None
    has_id: bool
    request_id: str | None
    end: bytes
    fields: Fields
    consumed: int


class WishReader:
    """Reads requests.

    Args:
        cors: the cross-origin headers.
        find_target: what a target is, from its bytes; it may remember.
        limits: the server's limits, keyword arguments of gunicorn_h1c's parser.
    """

    def __init__(
        self, cors: Cors, limits: dict[str, Any], find_target: Callable[[bytes], Target | None] = parse_target
    ) -> None:
        self._end = lru_cache(maxsize=_ORIGINS)(partial(_end_of_head, cors))
        self._find_target = find_target
        self._limits = limits

    def read(self, data: bytes, seen: int = 0) -> Wish | None:
        """The request that ``data`` begins with, or None when it is none for the lane.

        Args:
            data: what a connection has brought, from the beginning of a request on.
            seen: how many bytes of it were looked at before, when it was incomplete then.

        Raises:
            Incomplete: the head of the request is not there in full.
        """
        try:
            # The function, and the limits, that gunicorn's threads go by: what it takes here it takes there.
            request = parse_request(data, last_len=seen, **self._limits)
        except ParseError:
            return None  # what is wrong with it is found, and said, on the ordinary way
        method = request["method"]
        # An empty line before a request is allowed (RFC 9112, 2.2); gunicorn measures such requests in its own way.
        if method not in (b"GET", b"HEAD") or request["minor_version"] != 1 or data.startswith(b"\r"):
            return None
        target = self._find_target(request["path"])
        fields = request["headers"]
        values = None if target is None else fields_that_matter(fields)
        if target is None or values is None:
            return None
        return Wish(
            target,
            method == b"HEAD",
            _text(values[AUTHORIZATION]),
            values[IF_NONE_MATCH],
            values[REQUEST_ID] is not None,
            sane_request_id(_text(values[REQUEST_ID])),
            self._end(values[ORIGIN]),
            fields,
            request["consumed"],
        )


def _end_of_head(cors: Cors, origin: bytes | None) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in cors.headers(_text(origin)))
    return f"{lines}\r\n".encode("latin-1")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
