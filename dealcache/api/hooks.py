"""Flask's hooks around every request: access, the bound on bodies, metrics."""

from __future__ import annotations

from flask import Flask, Response, request

from dealcache.api.access import Tokens, authorization_of, most_bytes, need_of
from dealcache.api.cross_site import CrossSiteGuard, sender_of
from dealcache.api.problems import Problem
from dealcache.api.query import InvalidQueryError, parse_query
from dealcache.api.responses import problem_response
from dealcache.telemetry.metrics import Metrics


def install_hooks(app: Flask, tokens: Tokens, guard: CrossSiteGuard, metrics: Metrics) -> None:
    """Add the hooks to ``app``."""

    @app.before_request
    def refuse() -> Response | None:
        request.max_content_length = most_bytes(request.path)
        return _refuse_access(tokens, guard) or _refuse_body()

    @app.after_request
    def count(response: Response) -> Response:
        # Never the requested path: each unknown path would make a time series of its own.
        route = request.url_rule.rule if request.url_rule else "unmatched"
        metrics.request_finished(route, response.status_code)
        return response


def _refuse_access(tokens: Tokens, guard: CrossSiteGuard) -> Response | None:
    try:
        query = parse_query(request.environ.get("QUERY_STRING", "")).values
    except InvalidQueryError:
        query = {}
    need = need_of(request.method, request.path, query)
    headers = request.headers
    if not tokens.required(need):
        foreign = guard.refusal(request.method, sender_of(headers))
        return None if foreign is None else problem_response(foreign)
    given = authorization_of(request.path, headers.get("Authorization"), headers.get("Sec-WebSocket-Protocol"))
    status = tokens.refusal(need, given)
    if status is None:
        return None
    if status == 403:
        return problem_response(Problem(403, "This needs the admin token."))
    challenge = {"WWW-Authenticate": 'Bearer realm="dealcache"'}
    return problem_response(Problem(401, "Give a bearer token that this service knows.", headers=challenge))


def _refuse_body() -> Response | None:
    """Refuse a huge body before anything reads it, even where no body is expected."""
    most = request.max_content_length
    if most is not None and request.content_length is not None and request.content_length > most:
        return problem_response(Problem(413, f"The body is larger than {most} bytes."))
    return None
