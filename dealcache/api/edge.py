"""The outermost WSGI layer: gives every request its id, and every answer the headers that all answers have."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dealcache.api.cross_site import Cors
from dealcache.telemetry.logs import request_id_var

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST_ID = 128
_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,%d}" % _LONGEST_ID)


#: Segments that no path of ours has; ours consist of names only.
_NO_NAMES = frozenset({"", ".", ".."})

#: The only paths that end with a slash; the first is that of an absolute target that ends with the host.
_FOLDERS = frozenset({"", "/", "/console/"})

#: A path that is not ours: no route has a segment of a dot.
_NOWHERE = "/."


def is_plain_path(path: str, raw_target: str) -> bool:
    """Return True if the segments of a path are unambiguous.

    Werkzeug removes surplus slashes from the beginning, and adds a missing one, so ``//metrics`` and ``metrics`` would
    be ``/metrics``; it resolves dots before the name of a file, and removes slashes from its end; and a percent-encoded
    slash is not a separator (RFC 3986, 2.2). A proxy in front of this service that decides by paths need not interpret
    them in the same way.

    Args:
        path: the path, decoded.
        raw_target: the request's target as received.
    """
    if path in _FOLDERS:
        return True
    segments = path.split("/")
    if segments[0] or not _NO_NAMES.isdisjoint(segments[1:]):
        return False
    return "%2f" not in raw_target.partition("?")[0].lower()


def sane_request_id(given: bytes | None) -> bytes | None:
    """Return the caller's request id if it looks sane, so that logs of both sides can be matched; else None."""
    if given is None or len(given) > _LONGEST_ID:
        return None
    # Most ids are hexadecimal, and need no regular expression.
    return given if given.isalnum() or _SANE_ID.fullmatch(given) else None


def request_id_of(given: str | None) -> str:
    """Return the caller's request id if it looks sane; else a new one: 32 hexadecimal digits."""
    sane = sane_request_id(None if given is None else given.encode("latin-1", "replace"))
    return sane.decode() if sane else f"{random.getrandbits(128):032x}"


class RequestIds:
    """Makes request ids for one thread, many at once, because a single one takes as long as a look-up in memory."""

    _AT_ONCE = 256

    def __init__(self) -> None:
        self._digits = b""
        self._place = 0

    def new(self) -> bytes:
        """Return an id like those of :func:`request_id_of`."""
        place = self._place
        if place == len(self._digits):
            self._digits, place = b"%0*x" % (32 * self._AT_ONCE, random.getrandbits(128 * self._AT_ONCE)), 0
        self._place = end = place + 32
        return self._digits[place:end]


class Edge:
    """Wraps the Flask app: request ids, cross-origin headers, and paths that are not plain.

    Args:
        app: the app behind it.
        cors: the cross-origin headers.
    """

    def __init__(self, app: WSGIApplication, cors: Cors) -> None:
        self._app = app
        self._cors = cors

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID"))
        origin = environ.get("HTTP_ORIGIN")
        common = [("X-Request-ID", request_id), *self._cors.headers(origin)]
        token = request_id_var.set(request_id)
        if not is_plain_path(environ["PATH_INFO"], environ.get("RAW_URI", "")):
            environ["PATH_INFO"] = _NOWHERE
        try:
            requested = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
            preflight = self._cors.preflight(environ["REQUEST_METHOD"], origin, requested)
            if preflight is not None:
                start_response("204 NO CONTENT", preflight + common)
                return [b""]

            def start_with_common(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
                return start_response(status, headers + common, *exc_info)

            return self._app(environ, start_with_common)
        finally:
            request_id_var.reset(token)
