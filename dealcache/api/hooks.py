"""Flask's hooks around every request: access, the bound on bodies, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, request

from dealcache.api.access import Tokens, authorization_of, most_bytes, need_of
from dealcache.api.cross_site import CrossSiteGuard, sender_of
from dealcache.api.problems import Problem
from dealcache.api.query import InvalidQueryError, parse_query
from dealcache.api.responses import problem_response
from dealcache.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def install_hooks(app: Flask, tokens: Tokens, guard: CrossSiteGuard, metrics: Metrics) -> None:
    """Add the hooks to ``app``."""

    @app.before_request
    def refuse() -> Response | None:
        path, environ = request.path, request.environ
        request.max_content_length = most = most_bytes(path)
        return _refuse_access(path, environ, tokens, guard) or _refuse_body(environ, most)

    @app.after_request
    def count(response: Response) -> Response:
        # Never the requested path: each unknown path would make a time series of its own.
        rule = request.url_rule
        metrics.request_finished("unmatched" if rule is None else rule.rule, response.status_code)
        return response


def _refuse_access(path: str, environ: WSGIEnvironment, tokens: Tokens, guard: CrossSiteGuard) -> Response | None:
    try:
        query = parse_query(environ.get("QUERY_STRING", "")).values
    except InvalidQueryError:
        query = {}
    method = request.method
    need = need_of(method, path, query)
    if not tokens.required(need):
        foreign = guard.refusal(method, sender_of(environ))
        return None if foreign is None else problem_response(foreign)
    given = authorization_of(path, environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL"))
    status = tokens.refusal(need, given)
    if status is None:
        return None
    if status == 403:
        return problem_response(Problem(403, "This needs the admin token."))
    challenge = {"WWW-Authenticate": 'Bearer realm="dealcache"'}
    return problem_response(Problem(401, "Give a bearer token that this service knows.", headers=challenge))


def _refuse_body(environ: WSGIEnvironment, most: int) -> Response | None:
    """Refuse a body of more than ``most`` bytes before anything reads it, even where no body is expected."""
    if not environ.get("CONTENT_LENGTH"):
        return None
    if request.content_length is not None and request.content_length > most:
        return problem_response(Problem(413, f"The body is larger than {most} bytes."))
    return None
