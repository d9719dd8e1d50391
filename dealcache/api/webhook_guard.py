"""Lets in the webhook deliveries that HubSpot signed, and says once in a while that others were refused."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import Request

from dealcache.api.public_uri import public_uri
from dealcache.hubspot.signature import Signed, is_genuine
from dealcache.setting_values import Network

log = logging.getLogger(__name__)

#: Whoever finds the path can call it as often as they like, and must not fill the log by it.
_LOG_INTERVAL_SECONDS = 60.0


class WebhookGuard:
    """Checks deliveries. Safe for threads.

    Args:
        secret: the client secret of the HubSpot app; None: nothing is let in.
        public_url: scheme and host as HubSpot calls us; None: those of the request.
        trusted: the proxies that are believed about scheme and host.
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

    def lets_in(self, request: Request) -> bool:
        """Whether HubSpot signed a request; reads its body, unless it is refused without."""
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
