"""Access: bearer tokens, compared in constant time (RFC 6750), and the bound on request bodies.

Pure decisions, and the hooks by which Flask applies them to every request.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from flask import Flask, Request, Response, request
from flask.globals import request_ctx

from dealcache.api.cross_site import CrossSiteGuard
from dealcache.api.problems import Problem
from dealcache.api.query import parse_query
from dealcache.api.responses import problem_response
from dealcache.reader.question_errors import QuestionError
from dealcache.telemetry.metrics import Metrics

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


def need_of(method: str, path: str, query: Mapping[str, Sequence[str]]) -> Need:
    """Return the right that a request needs: none for documentation, probes and webhooks, the admin's for changes.

    Args:
        method: the HTTP method; OPTIONS changes nothing, and a browser's preflight carries no token.
        path: the path, decoded.
        query: the values of the parameters; empty when they cannot be parsed, which is refused later.
    """
    if method == "OPTIONS" or not path.startswith(("/api", "/ws")) or path.startswith(_OPEN_PREFIXES):
        return Need.NOTHING
    if path == WEBHOOKS_PATH:
        return Need.NOTHING
    if path == "/api/hubspot/clear-endpoint-cache" or query.get("refresh", [""])[0] in TRUTHY:
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


def install_hooks(app: Flask, tokens: Tokens, guard: CrossSiteGuard, metrics: Metrics) -> None:
    """Add hooks to ``app`` that check access and the size of bodies, and count answers."""

    @app.before_request
    def refuse() -> Response | None:
        current = request_ctx.request  # looked up once; each use of Flask's `request` takes a microsecond
        current.max_content_length = most = most_bytes(current.path)
        return _refuse_access(current, tokens, guard) or _refuse_body(current, most)

    @app.after_request
    def count(response: Response) -> Response:
        # Never the requested path: each unknown path would make a time series of its own.
        rule = request.url_rule
        metrics.request_finished("unmatched" if rule is None else rule.rule, response.status_code)
        return response


def _refuse_access(current: Request, tokens: Tokens, guard: CrossSiteGuard) -> Response | None:
    method, path, environ = current.method, current.path, current.environ
    try:
        query = parse_query(environ.get("QUERY_STRING", ""))
    except QuestionError:
        query = {}
    need = need_of(method, path, query)
    if not tokens.required(need):
        foreign = guard.refusal(environ)
        return None if foreign is None else problem_response(foreign)
    given = authorization_of(path, environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL"))
    status = tokens.refusal(need, given)
    if status is None:
        return None
    if status == 403:
        return problem_response(Problem(403, "This needs the admin token."))
    challenge = {"WWW-Authenticate": 'Bearer realm="dealcache"'}
    return problem_response(Problem(401, "Give a bearer token that this service knows.", headers=challenge))


def _refuse_body(current: Request, most: int) -> Response | None:
    """Refuse a huge body before anything reads it, even where no body is expected."""
    if not current.environ.get("CONTENT_LENGTH") or (current.content_length or 0) <= most:
        return None
    return problem_response(Problem(413, f"The body is larger than {most} bytes."))
