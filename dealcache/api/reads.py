"""Reads through the tiers: ``/api/hubspot``."""

from __future__ import annotations

import time
from typing import Any

import orjson
from flask import Response, request

from dealcache.api import parameters, schemas
from dealcache.api.documentation import ETAG, NO_DEAL, NOT_MODIFIED, ORIGIN_FAILURES, READ_HEADERS, documented
from dealcache.api.failures import FAILURES, problem_of
from dealcache.api.problems import invalid
from dealcache.api.read_headers import mode_of
from dealcache.api.responses import problem_response, read_response
from dealcache.api.services import services
from dealcache.deals import DealKey
from dealcache.reader import Answer, Mode
from dealcache.reader.timeline_filter import InvalidCursorError
from dealcache.tiers import View

blueprint = parameters.StrictBlueprint(
    "reads", __name__, url_prefix="/api/hubspot", description="A deal from memory, MongoDB or HubSpot."
)


def _read(view: View, query: dict[str, Any]) -> Answer:
    """Ask the read path, and record how it went."""
    key: DealKey = query["key"]
    recorder = services().recorder
    mode = Mode.REFRESH if query.get("refresh") else mode_of(request.headers.get("Cache-Control"))
    started = time.perf_counter()
    try:
        answer = services().reader.read(view, key, mode)
    except FAILURES as failure:
        problem = problem_of(failure)
        recorder.failed(view, key, problem.status, f"{problem.detail} ({failure})", time.perf_counter() - started)
        raise
    recorder.answered(view, key, answer, time.perf_counter() - started)
    return answer


def _respond(view: View, query: dict[str, Any]) -> Response:
    answer = _read(view, query)
    return read_response(answer, query["key"], services().clock())


@blueprint.route("/deal-activities-count")
@blueprint.arguments(parameters.DealRead(), location="query")
@documented(blueprint, schemas.ActivitiesCountSchema, [NOT_MODIFIED, NO_DEAL, *ORIGIN_FAILURES], READ_HEADERS | ETAG)
def deal_activities_count(query: dict[str, Any]) -> Response:
    """How many activities a deal has, by type."""
    return _respond(View.ACTIVITIES_COUNT, query)


@blueprint.route("/deal-info")
@blueprint.arguments(parameters.DealRead(), location="query")
@documented(blueprint, schemas.DealInfoSchema, [NOT_MODIFIED, NO_DEAL, *ORIGIN_FAILURES], READ_HEADERS | ETAG)
def deal_info(query: dict[str, Any]) -> Response:
    """A deal at a glance."""
    return _respond(View.INFO, query)


@blueprint.route("/deal-timeline")
@blueprint.arguments(parameters.TimelineRead(), location="query")
@documented(blueprint, schemas.TimelineSchema, [NOT_MODIFIED, NO_DEAL, *ORIGIN_FAILURES], READ_HEADERS | ETAG)
def deal_timeline(query: dict[str, Any]) -> Response:
    """A deal's activities, oldest first; the whole timeline, or a part of it."""
    if query["filter"].is_whole():
        return _respond(View.TIMELINE, query)
    answer = _read(View.TIMELINE, query)
    if answer.entry.status != 200:
        return read_response(answer, query["key"], services().clock())
    try:
        part = query["filter"].apply(orjson.loads(answer.entry.body))
    except InvalidCursorError as error:
        return problem_response(invalid({"cursor": [f"{error}."]}))
    return read_response(answer, query["key"], services().clock(), orjson.dumps(part))
