"""Who may do what: bearer tokens, compared in constant time (RFC 6750). Pure decisions; the hook is in the app."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

#: Texts that mean true in a boolean parameter.
TRUTHY = frozenset({"true", "True"})

#: Where HubSpot delivers: its signature lets it in, not a token.
WEBHOOKS_PATH = "/api/hubspot/webhooks"

#: The subprotocol that announces that the next one is a token; see :func:`authorization_of`.
BEARER = "bearer"

_OPEN_PREFIXES = ("/api/docs", "/api/openapi.json")


class Need(Enum):
    """What a request needs to be let in."""

    NOTHING = "nothing"
    READ = "read"
    ADMIN = "admin"


def need_of(method: str, path: str, query: Mapping[str, str]) -> Need:
    """What a request needs, by the contract: documentation, probes and webhooks nothing, changes the admin token.

    Args:
        method: the HTTP method; OPTIONS changes and tells nothing, and a browser's preflight carries no token.
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
    """The ``Authorization`` of a request, or what stands in for it in a WebSocket handshake.

    A script in a browser cannot set the header there, but it can name subprotocols: ``bearer`` and the token.

    Args:
        path: the path, decoded.
        authorization: the ``Authorization`` header.
        subprotocols: the ``Sec-WebSocket-Protocol`` header.
    """
    if authorization is not None or subprotocols is None or not path.startswith("/ws"):
        return authorization
    scheme, _, token = subprotocols.partition(",")
    return f"Bearer {token.strip()}" if scheme.strip().lower() == BEARER else None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that are set; None for those that are not."""

    api_token: str | None
    admin_token: str | None

    def refusal(self, need: Need, authorization: str | None) -> int | None:
        """The status with which a request is refused, 401 or 403, or None when it is let in.

        Args:
            need: what the request needs.
            authorization: its ``Authorization`` header.
        """
        if need is Need.NOTHING or not self._required(need):
            return None
        token = _bearer(authorization)
        if _same(token, self.admin_token):
            return None
        if _same(token, self.api_token):
            return 403 if need is Need.ADMIN and self.admin_token is not None else None
        return 401

    def _required(self, need: Need) -> bool:
        return self.api_token is not None or (need is Need.ADMIN and self.admin_token is not None)


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _same(given: str | None, wanted: str | None) -> bool:
    if given is None or wanted is None:
        return False
    return hmac.compare_digest(given.encode("latin-1", "replace"), wanted.encode())
