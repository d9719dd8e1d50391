"""Cross-origin headers for the origins of ``CORS_ORIGINS`` (Fetch standard, section 3.3)."""

from __future__ import annotations

Headers = list[tuple[str, str]]

_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
_REQUEST_HEADERS = "Authorization, Cache-Control, Content-Type, If-None-Match, X-Browser-ID, X-Request-ID, X-Session-ID"
_EXPOSED = "Age, Cache-Status, ETag, Retry-After, Server-Timing, X-Cache-Tier, X-Request-ID"
_PREFLIGHT_SECONDS = "600"


class Cors:
    """Answers which cross-origin headers a response carries.

    Args:
        origins: the allowed origins; ``*`` allows every origin. Empty: none, and no header is ever added.
    """

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def allows(self, origin: str) -> bool:
        """Whether pages of ``origin`` may use this service."""
        return origin in self._origins or "*" in self._origins

    def headers(self, origin: str | None) -> Headers:
        """What every answer to a request of ``origin`` carries; ``Vary`` also where the origin is not allowed."""
        if not self._origins:
            return []
        if origin is None or not self.allows(origin):
            return [("Vary", "Origin")]
        return [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", _EXPOSED),
            ("Vary", "Origin"),
        ]

    def preflight(self, method: str, origin: str | None, requested_method: str | None) -> Headers | None:
        """What the answer to a preflight carries beside :meth:`headers`; None when the request is none we allow."""
        if method != "OPTIONS" or requested_method is None or origin is None or not self.allows(origin):
            return None
        return [
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
            ("Access-Control-Max-Age", _PREFLIGHT_SECONDS),
        ]
