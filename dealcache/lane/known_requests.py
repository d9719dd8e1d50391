"""Remembers what the parser found in requests, so that requests alike need not be parsed again.

A client sends the same bytes again and again, but for one value: a proxy such as nginx gives each request an id of its
own. So that value is set aside, and a request is known by all other bytes. That is safe because

- the parser has accepted these bytes, with another id between them, as one complete request without a body, and has
  found just that id: the line is one of its fields, and the only one of its name;
- the id is made of characters that mean nothing in HTTP, and is no longer than the one that the parser has accepted. So
  every line begins and ends where it did, and no limit is exceeded.

Whatever differs in any other byte is for the parser: another spelling, a second id, a folded line, the beginning of
another request behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dealcache.api.edge import sane_request_id
from dealcache.lane.hit_request import HitRequest

#: The bytes that remembered requests may take in all, and the length of the longest.
_MOST, _LONGEST = 8 * 1024 * 1024, 4_096

#: Bytes that a request takes beside those received and the parts that are kept apart: measured, rounded up.
_OVERHEAD = 600

#: Seconds after the first request was added for which a full memory stays as it is.
_LEAST_SECONDS = 10.0

#: The most look-ups that are skipped after one that found nothing.
_MOST_SKIPPED = 15

#: A line with an id as far as the value, in any spelling; and the one that nginx sends as documented.
_ID_LINE = re.compile(rb"(?i:\r\nx-request-id: )")
_USUAL_ID_LINE = b"\r\nX-Request-ID: "


class KnownRequests:
    """The requests that are remembered, up to a number of bytes.

    When there is no room left, all are forgotten, but not within :data:`_LEAST_SECONDS` of the first one: until then
    nothing is added, and after a look-up that finds nothing some of the next ones are skipped. So requests that never
    come again cost hardly more than parsing them, however many there are.

    ``same`` returns the request without an id that consists of the same bytes, or None.
    """

    def __init__(self) -> None:
        self._requests: dict[bytes | tuple[bytes, bytes], HitRequest] = {}
        self.same: Callable[[bytes], HitRequest | None] = self._requests.get
        self._bytes = 0
        self._begun = 0.0
        self._full = False
        self._to_skip = self._skipped = 0
        # As it was spelled last: to search for all spellings would take longer than all the rest here.
        self._id_line = _USUAL_ID_LINE

    def find(self, data: bytes) -> tuple[HitRequest, bytes] | None:
        """Return the known request that ``data`` is but for its id, and its id; or None."""
        if self._skipped < self._to_skip:
            self._skipped += 1
            return None
        place = data.find(self._id_line)
        if place < 0 or len(data) > _LONGEST:
            return None
        start = place + len(self._id_line)
        end = data.find(b"\r\n", start)
        request = self._requests.get((data[:start], data[end:]))
        if request is None:
            self._skip_some()
            return None
        self._to_skip = 0
        request_id, accepted = sane_request_id(data[start:end]), request.request_id
        if request_id is None or accepted is None or len(request_id) > len(accepted):
            return None
        return request, request_id

    def _skip_some(self) -> None:
        """While there is no room, skip the more look-ups the longer none has found anything."""
        self._skipped, self._to_skip = 0, min(2 * self._to_skip + 1, _MOST_SKIPPED) if self._full else 0

    def add(self, data: bytes, request: HitRequest, now: float) -> None:
        """Remember a request, unless there is no room, or something about its id is unusual.

        Args:
            data: the bytes received; if more follows the request in them, it is not remembered.
            request: what the parser has made of them.
            now: the monotonic clock, seconds.
        """
        size = _OVERHEAD + len(data) + _kept_apart(request)
        if request.follows or len(data) > _LONGEST or not self._has_room(size, now):
            return
        key: bytes | tuple[bytes, bytes] = data
        if request.has_id:
            line = _ID_LINE.search(data)
            if line is None:
                return
            self._id_line = line.group()
            start = line.end()
            end = data.find(b"\r\n", start)
            if data[start:end] != request.request_id:
                return
            key = data[:start], data[end:]
        if key not in self._requests:
            self._bytes += size
        self._requests[key] = request

    def _has_room(self, size: int, now: float) -> bool:
        """Return True if there is room for a request of ``size`` bytes; if not, make some unless it is too early."""
        if self._bytes + size > _MOST:
            self._full = now - self._begun < _LEAST_SECONDS
            if self._full:
                return False
            self._requests.clear()
            self._bytes = 0
        if not self._requests:
            self._begun = now
        return True


def _kept_apart(request: HitRequest) -> int:
    """Return the bytes of the parts that a request has copies of, which may be nearly as long as all of it."""
    fields = len(request.user_agent) + len(request.authorization or "") + len(request.if_none_match or b"")
    return len(request.route.raw) + fields
