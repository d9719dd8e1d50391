"""Flask's hooks around every request: access, the bound on bodies, metrics."""

from __future__ import annotations

from flask import Flask, Request, Response, request
from flask.globals import request_ctx

from dealcache.api.access import Tokens, authorization_of, most_bytes, need_of
from dealcache.api.cross_site import CrossSiteGuard, sender_of
from dealcache.api.problems import Problem
from dealcache.api.query import parse_query
from dealcache.api.responses import problem_response
from dealcache.reader.question_errors import QuestionError
from dealcache.telemetry.metrics import Metrics


def install_hooks(app: Flask, tokens: Tokens, guard: CrossSiteGuard, metrics: Metrics) -> None:
    """Add the hooks to ``app``."""

    @app.before_request
    def refuse() -> Response | None:
        current = request_ctx.request  # looked up once; each use of Flask's `request` takes a microsecond
        current.max_content_length = most_bytes(current.path)
        return _refuse_access(current, tokens, guard) or _refuse_body(current)

    @app.after_request
    def count(response: Response) -> Response:
        # Never the requested path: each unknown path would make a time series of its own.
        rule = request.url_rule
        metrics.request_finished("unmatched" if rule is None else rule.rule, response.status_code)
        return response


def _refuse_access(current: Request, tokens: Tokens, guard: CrossSiteGuard) -> Response | None:
    method, path, environ = current.method, current.path, current.environ
    try:
        query = parse_query(environ.get("QUERY_STRING", "")).values
    except QuestionError:
        query = {}
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


def _refuse_body(current: Request) -> Response | None:
    """Refuse a huge body before anything reads it, even where no body is expected."""
    if not current.environ.get("CONTENT_LENGTH"):
        return None
    most = current.max_content_length
    if most is not None and current.content_length is not None and current.content_length > most:
        return problem_response(Problem(413, f"The body is larger than {most} bytes."))
    return None
