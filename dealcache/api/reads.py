"""Reads through the tiers: ``/api/hubspot``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from dealcache.api import parameters, schemas, stage_history
from dealcache.api.documentation import DEAL_NOT_MODIFIED, ETAG, NO_DEAL, ORIGIN_FAILURES, READ_HEADERS, documented
from dealcache.api.exports import timeline_response
from dealcache.api.problems import FAILURES, problem_of
from dealcache.api.responses import mode_of, problem_response, read_headers, read_response
from dealcache.api.services import Services, services
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.model.deals import DealKey
from dealcache.reader.answers import Answer, Mode
from dealcache.tiers import View

_OTHER_ANSWERS = [DEAL_NOT_MODIFIED, NO_DEAL, *ORIGIN_FAILURES]

blueprint = StrictBlueprint(
    "reads", __name__, url_prefix="/api/hubspot", description="A deal from memory, MongoDB or HubSpot."
)


def _read(view: View, query: Mapping[str, Any], wired: Services) -> Answer:
    """Read a view through the tiers, and record the outcome."""
    key: DealKey = query["key"]
    recorder = wired.recorder
    mode = _mode_of(query)
    started = time.perf_counter()
    try:
        answer = wired.reader.read(view, key, mode)
    except FAILURES as failure:
        problem = problem_of(failure)
        recorder.failed(view, key, problem.status, f"{problem.detail} ({failure})", time.perf_counter() - started)
        raise
    recorder.answered(view, key, answer, time.perf_counter() - started)
    return answer


def _mode_of(query: Mapping[str, Any]) -> Mode:
    return Mode.REFRESH if query.get("refresh") else mode_of(request.environ.get("HTTP_CACHE_CONTROL"))


def _respond(view: View, query: Mapping[str, Any]) -> Response:
    wired = services()
    answer = _read(view, query, wired)
    return read_response(answer, query["key"], wired.clock())


@blueprint.route("/deal-activities-count")
@blueprint.takes_query(parameters.DealRead())
@documented(schemas.ActivitiesCountSchema, _OTHER_ANSWERS, READ_HEADERS | ETAG)
def deal_activities_count(query: Mapping[str, Any]) -> Response:
    """Return the number of a deal's activities by type."""
    return _respond(View.ACTIVITIES_COUNT, query)


@blueprint.route("/deal-info")
@blueprint.takes_query(parameters.DealRead())
@documented(schemas.DealInfoSchema, _OTHER_ANSWERS, READ_HEADERS | ETAG)
def deal_info(query: Mapping[str, Any]) -> Response:
    """Return a deal at a glance."""
    return _respond(View.INFO, query)


@blueprint.route("/deal-stages")
@blueprint.takes_query(parameters.DealRead())
@documented(
    stage_history.DealStagesSchema,
    [DEAL_NOT_MODIFIED, stage_history.NO_DEAL_OR_OFF, *ORIGIN_FAILURES],
    READ_HEADERS | ETAG,
)
def deal_stages(query: Mapping[str, Any]) -> Response:
    """Return the stages that a deal has been in, and for how long; HubSpot is asked if MongoDB does not know."""
    wired = services()
    if wired.stage_histories is None:
        return problem_response(stage_history.OFF)
    answer = wired.stage_histories.read(query["key"], _mode_of(query))
    return read_response(answer, query["key"], wired.clock())


@blueprint.route("/deal-timeline")
@blueprint.takes_query(parameters.TimelineRead())
@documented(schemas.TimelineSchema, _OTHER_ANSWERS, READ_HEADERS | ETAG)
def deal_timeline(query: Mapping[str, Any]) -> Response:
    """Return a deal's activities, oldest first; the whole timeline, or a part of it."""
    wired = services()
    answer = _read(View.TIMELINE, query, wired)
    if answer.entry.status != 200:
        return read_response(answer, query["key"], wired.clock())
    return timeline_response(answer.entry, query, read_headers(answer, wired.clock()))
