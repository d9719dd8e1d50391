"""Web pages of other sites: those of ``CORS_ORIGINS`` may use the service, all others are kept out. Pure decisions.

A browser sends requests of any page to any address, even on its own machine. Without a token two things identify such
requests: the ``Origin`` that browsers add to every unsafe method (Fetch standard, section 3.2), and the ``Host`` that a
page keeps when its own name is made to point here (DNS rebinding).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dealcache.api.problems import Problem
from dealcache.setting_values import is_loopback, is_loopback_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
_REQUEST_HEADERS = "Authorization, Cache-Control, Content-Type, If-None-Match, X-Browser-ID, X-Request-ID, X-Session-ID"
_EXPOSED = (
    "Age, Cache-Status, Content-Disposition, ETag, Retry-After, Server-Timing, X-Cache-Tier, X-Data-As-Of, X-Request-ID"
)
_PREFLIGHT_SECONDS = "600"


class Cors:
    """The cross-origin headers of responses (Fetch standard, section 3.3).

    Args:
        origins: the allowed origins; ``*`` allows every origin. Without any no header is ever added.
    """

    def __init__(self, origins: frozenset[str]) -> None:
        self.origins = origins

    def allows(self, origin: str) -> bool:
        """Return True if pages of ``origin`` may use this service."""
        return origin in self.origins or "*" in self.origins

    def headers(self, origin: str | None) -> list[tuple[str, str]]:
        """Return the headers of every answer to ``origin``; ``Vary`` even if it is not allowed."""
        if not self.origins:
            return []
        if origin is None or not self.allows(origin):
            return [("Vary", "Origin")]
        return [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", _EXPOSED),
            ("Vary", "Origin"),
        ]

    def preflight(self, method: str, origin: str | None, requested_method: str | None) -> list[tuple[str, str]] | None:
        """Return the headers of a preflight's answer beside :meth:`headers`; None if it is not allowed."""
        if method != "OPTIONS" or requested_method is None or origin is None or not self.allows(origin):
            return None
        return [
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
            ("Access-Control-Max-Age", _PREFLIGHT_SECONDS),
        ]


#: Methods that change nothing (RFC 9110, 9.2.1).
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

#: A name or an address, and perhaps a port (RFC 9112, 3.2).
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/@?#\[\]:]+)(?::[0-9]*)?")

#: The most hosts whose verdict is remembered.
_HOSTS = 256

_FOREIGN_PAGE = Problem(403, "Pages of this origin may not change anything here; CORS_ORIGINS names those that may.")
_FOREIGN_HOST = Problem(
    421,
    "Without API_TOKEN this service answers to loopback names only. If clients call it by another name, "
    "set PUBLIC_URL to the URL that they use, or name its origin in CORS_ORIGINS.",
)


class CrossSiteGuard:
    """Refuses requests that only a page of another site can have made.

    Args:
        bind: the address of the service.
        public_url: scheme and host as clients see them, None if unknown.
        cors: the origins that may use the service.
        tokens: True if a token is required; then nothing is refused here, because a browser adds none by itself.
    """

    def __init__(self, bind: str, public_url: str | None, cors: Cors, *, tokens: bool) -> None:
        self._cors = cors
        self._public_host = urlsplit(public_url).netloc if public_url else None
        self._checks_origin = not tokens
        self._checks_host = not (tokens or cors.allows("*") or bind.startswith("unix:")) and is_loopback(bind)
        own = (self._public_host, *(urlsplit(origin).netloc for origin in cors.origins))
        self._own_names = frozenset(name for host in own if host and (name := _name_of(host)))
        self.allows_host = lru_cache(_HOSTS)(self._allows_host)

    def refusal(self, environ: WSGIEnvironment) -> Problem | None:
        """Return why a request that needs no token is refused, or None if it is allowed."""
        # Not `request.headers`: each of its look-ups takes a microsecond, in every request.
        if not self.allows_host(environ.get("HTTP_HOST")):
            return _FOREIGN_HOST
        origin = environ.get("HTTP_ORIGIN")
        if not self._checks_origin or origin is None or environ["REQUEST_METHOD"] in _SAFE_METHODS:
            return None
        return None if self.is_own_page(origin, environ) else _FOREIGN_PAGE

    def _allows_host(self, host: str | None) -> bool:
        """Return True if the service answers to ``host``; every browser sends one."""
        if not self._checks_host or not host:
            return True
        name = _name_of(host)
        return name is not None and (is_loopback_host(name) or name in self._own_names)

    def is_own_page(self, origin: str, environ: WSGIEnvironment) -> bool:
        """Return True if pages of ``origin`` are this service's own, or those of an origin that may use it."""
        # No page can set X-Forwarded-Host on a request to another site, unless that site allows it.
        forwarded = environ.get("HTTP_X_FORWARDED_HOST", "").partition(",")[0].strip()
        own = (environ.get("HTTP_HOST"), forwarded, self._public_host)
        return self._cors.allows(origin) or any(is_same_host(origin, host) for host in own if host)


def is_same_host(origin: str, host: str) -> bool:
    """Return True if a page of ``origin`` comes from ``host``.

    A proxy may have removed the port of ``host``. In front of a loopback name there is no proxy, and other programs of
    this machine have pages at other ports.
    """
    try:
        page, ours = urlsplit(origin), urlsplit(f"//{host}")
        same_port = page.port == ours.port or (ours.port is None and not is_loopback_host(ours.hostname or ""))
    except ValueError:
        return False
    return page.hostname is not None and page.hostname == ours.hostname and same_port


def _name_of(host: str) -> str | None:
    """Return the name in a ``Host`` field, in lower case, without port and the root's dot; None if it is invalid."""
    match = _HOST.fullmatch(host.strip())
    return match[1].strip("[]").lower().removesuffix(".") if match else None
