"""Accepts the webhook deliveries that HubSpot signed, and logs now and then that others were refused.

HubSpot signs the URI that it calls, so the URI of a request is needed exactly as its sender wrote it.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Request

from dealcache.hubspot.signature import Signed, is_genuine
from dealcache.setting_values import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = logging.getLogger(__name__)

#: Anyone may call the path as often as they like, which must not fill the log.
_LOG_INTERVAL_SECONDS = 60.0


class WebhookGuard:
    """Checks deliveries. Thread-safe.

    Args:
        secret: the client secret of the HubSpot app; without it all deliveries are refused.
        public_url: the scheme and host that HubSpot calls; None for those of the request.
        trusted: the proxies that are trusted about scheme and host.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self, secret: str | None, public_url: str | None, trusted: tuple[Network, ...], clock: Callable[[], float]
    ) -> None:
        self._secret = secret
        self._public_url = public_url
        self._trusted = trusted
        self._clock = clock
        self._lock = threading.Lock()
        self._logged_at: float | None = None
        self._suppressed = 0

    def accepts(self, request: Request) -> bool:
        """Return True if HubSpot signed the request; this reads its body, unless it is refused without."""
        reason = self._reason_against(request)
        if reason is not None:
            self._refused(request.remote_addr or "a Unix socket", reason)
        return reason is None

    def _reason_against(self, request: Request) -> str | None:
        if self._secret is None:
            return "HUBSPOT_CLIENT_SECRET is not set"
        third, first = request.headers.get("X-HubSpot-Signature-v3"), request.headers.get("X-HubSpot-Signature")
        if third is None and first is None:
            return "it is not signed"
        uri = public_uri(request.environ, self._public_url, self._trusted)
        delivery = Signed(
            method=request.method,
            uri=uri,
            body=request.get_data(),
            v3=third,
            timestamp=request.headers.get("X-HubSpot-Request-Timestamp"),
            v1=first,
            version=request.headers.get("X-HubSpot-Signature-Version"),
        )
        if is_genuine(delivery, self._secret, self._clock()):
            return None
        return f"its signature is wrong or old for {uri.partition('?')[0]!r}"

    def _refused(self, peer: str, reason: str) -> None:
        now = self._clock()
        with self._lock:
            # A clock that was set back must not silence the log.
            if self._logged_at is not None and 0 <= now - self._logged_at < _LOG_INTERVAL_SECONDS:
                self._suppressed += 1
                return
            self._logged_at, suppressed, self._suppressed = now, self._suppressed, 0
        log.warning("refused a webhook delivery of %s: %s (%d more since the last line)", peer, reason, suppressed)


#: Scheme and host of a target in absolute form (RFC 9112, 3.2.2).
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")

#: Characters that need no encoding in a path (RFC 3986, 3.3).
_PATH_SAFE = "/:@!$&'()*+,;=-._~"


def public_uri(environ: WSGIEnvironment, public_url: str | None, trusted: Iterable[Network]) -> str:
    """Return the full URI, path and query still encoded as they were sent.

    Args:
        environ: the request.
        public_url: scheme and host as clients see them, perhaps with a path in front of ours; None if unknown.
        trusted: the proxies that are trusted about scheme and host if ``public_url`` is None.
    """
    return f"{public_url or _origin(environ, trusted)}{_request_target(environ)}"


def _request_target(environ: WSGIEnvironment) -> str:
    raw = environ.get("RAW_URI")
    if raw is None:  # PEP 3333 has only the decoded path
        path = quote((environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]).encode("latin-1"), safe=_PATH_SAFE)
        query = environ.get("QUERY_STRING", "")
        return f"{path}?{query}" if query else path
    target = _ORIGIN.sub("", str(raw), count=1) if not raw.startswith("/") else str(raw)
    return target if target.startswith("/") else f"/{target}"


def _origin(environ: WSGIEnvironment, trusted: Iterable[Network]) -> str:
    scheme = environ["wsgi.url_scheme"]
    host = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
    if _is_trusted(environ.get("REMOTE_ADDR", ""), trusted):
        # A chain of proxies makes lists of these; the first value of each comes from the outermost proxy.
        forwarded = _first(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
        scheme = forwarded if forwarded in {"http", "https"} else scheme
        host = _first(environ.get("HTTP_X_FORWARDED_HOST", "")) or host
    return f"{scheme}://{host}"


def _first(field: str) -> str:
    return field.partition(",")[0].strip()


def _is_trusted(peer: str, trusted: Iterable[Network]) -> bool:
    if not peer:
        return True  # a Unix socket: gunicorn trusts it too, because only this machine can reach it
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in trusted)
