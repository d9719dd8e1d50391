"""Access: bearer tokens, compared in constant time (RFC 6750), and the bound on request bodies. Pure decisions."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

#: Texts that mean true in a boolean parameter.
TRUTHY = frozenset({"true", "True"})

#: The path of HubSpot's webhook deliveries, which are authenticated by a signature instead of a token.
WEBHOOKS_PATH = "/api/hubspot/webhooks"

#: The subprotocol that announces that the next one is a token; see :func:`authorization_of`.
BEARER = "bearer"

#: The largest request body, in bytes: a hundred deal names of the greatest length take less than a fifth.
MOST_BYTES = 1024 * 1024

#: The largest webhook delivery, in bytes: a hundred events, some with a long text; refusing one would lose events.
MOST_BYTES_OF_A_DELIVERY = 8 * 1024 * 1024

_OPEN_PREFIXES = ("/api/docs", "/api/openapi.json")


class Need(Enum):
    """The right that a request needs."""

    NOTHING = "nothing"
    READ = "read"
    ADMIN = "admin"


def need_of(method: str, path: str, query: Mapping[str, str]) -> Need:
    """Return the right that a request needs: none for documentation, probes and webhooks, the admin's for changes.

    Args:
        method: the HTTP method; OPTIONS changes nothing, and a browser's preflight carries no token.
        path: the path, decoded.
        query: the parameters; empty when they cannot be parsed, which is refused later.
    """
    if method == "OPTIONS" or not path.startswith(("/api", "/ws")) or path.startswith(_OPEN_PREFIXES):
        return Need.NOTHING
    if path == WEBHOOKS_PATH:
        return Need.NOTHING
    if path == "/api/hubspot/clear-endpoint-cache" or query.get("refresh") in TRUTHY:
        return Need.ADMIN
    if method == "POST" and path.startswith("/api/hubspot/v2/sync"):
        return Need.ADMIN
    return Need.READ


def authorization_of(path: str, authorization: str | None, subprotocols: str | None) -> str | None:
    """Return the ``Authorization`` of a request, or its replacement in a WebSocket handshake.

    A script in a browser cannot set the header there, but it can name the subprotocols ``bearer`` and the token.

    Args:
        path: the path, decoded.
        authorization: the ``Authorization`` header.
        subprotocols: the ``Sec-WebSocket-Protocol`` header.
    """
    if authorization is not None or subprotocols is None or not path.startswith("/ws"):
        return authorization
    scheme, _, token = subprotocols.partition(",")
    return f"Bearer {token.strip()}" if scheme.strip().lower() == BEARER else None


def most_bytes(path: str) -> int:
    """Return the most bytes that the body of a request to ``path`` may have."""
    return MOST_BYTES_OF_A_DELIVERY if path == WEBHOOKS_PATH else MOST_BYTES


@dataclass(frozen=True, slots=True)
class Tokens:
    """The configured tokens; None for those that are not set."""

    api_token: str | None
    admin_token: str | None

    def refusal(self, need: Need, authorization: str | None) -> int | None:
        """Return the status with which a request is refused, 401 or 403, or None if it is allowed."""
        if not self.required(need):
            return None
        token = _bearer(authorization)
        if _same(token, self.admin_token):
            return None
        if _same(token, self.api_token):
            return 403 if need is Need.ADMIN and self.admin_token is not None else None
        return 401

    def required(self, need: Need) -> bool:
        """Return True if a request that needs ``need`` must have a token."""
        if need is Need.NOTHING:
            return False
        return self.api_token is not None or (need is Need.ADMIN and self.admin_token is not None)


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == BEARER else None


def _same(given: str | None, wanted: str | None) -> bool:
    if given is None or wanted is None:
        return False
    return hmac.compare_digest(given.encode("latin-1", "replace"), wanted.encode())
