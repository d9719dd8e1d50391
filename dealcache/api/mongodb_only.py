"""Answers from MongoDB alone: ``/api/hubspot/v2``. Never reads a cache tier, never calls HubSpot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Response

from dealcache.api import deal_lists, parameters, schemas
from dealcache.api.documentation import CACHE_CONTROL, ETAG, NOT_MODIFIED, STORE_FAILURE, Documented, documented
from dealcache.api.problems import invalid
from dealcache.api.responses import json_response, problem_response, stored_response, unknown_deal
from dealcache.api.services import services
from dealcache.deals import DealKey
from dealcache.reader.timeline_filter import InvalidCursorError
from dealcache.tiers import View

blueprint = parameters.StrictBlueprint(
    "mongodb", __name__, url_prefix="/api/hubspot/v2", description="Answers from MongoDB alone."
)

_NO_DEAL = Documented(404, "MongoDB does not know this deal, or its activities have not been read yet.")
_HEADERS = ETAG | CACHE_CONTROL


def _stored(view: View, key: DealKey) -> bytes | None:
    entry = services().mongodb.read(view, key)
    return None if entry is None else entry.body


def _respond(view: View, key: DealKey) -> Response:
    body = _stored(view, key)
    return problem_response(unknown_deal(key)) if body is None else stored_response(body)


@blueprint.route("/health")
@documented(blueprint, schemas.HealthSchema)
def health() -> Response:
    """That the API is there; asks nothing."""
    return json_response({"status": "healthy", "version": "v2"})


@blueprint.route("/deal-activities-count")
@blueprint.arguments(parameters.DealQuery(), location="query")
@documented(blueprint, schemas.ActivitiesCountSchema, [NOT_MODIFIED, _NO_DEAL, STORE_FAILURE], _HEADERS)
def deal_activities_count(query: dict[str, Any]) -> Response:
    """How many activities a deal has, by type."""
    return _respond(View.ACTIVITIES_COUNT, query["key"])


@blueprint.route("/deal-info")
@blueprint.arguments(parameters.DealQuery(), location="query")
@documented(blueprint, schemas.DealInfoSchema, [NOT_MODIFIED, _NO_DEAL, STORE_FAILURE], _HEADERS)
def deal_info(query: dict[str, Any]) -> Response:
    """A deal at a glance."""
    return _respond(View.INFO, query["key"])


@blueprint.route("/deal-timeline")
@blueprint.arguments(parameters.StoredTimelineRead(), location="query")
@documented(blueprint, schemas.TimelineSchema, [NOT_MODIFIED, _NO_DEAL, STORE_FAILURE], _HEADERS)
def deal_timeline(query: dict[str, Any]) -> Response:
    """A deal's activities, oldest first; the whole timeline, or a part of it."""
    body = _stored(View.TIMELINE, query["key"])
    if body is None:
        return problem_response(unknown_deal(query["key"]))
    if query["filter"].is_whole():
        return stored_response(body)
    try:
        return stored_response(orjson.dumps(query["filter"].apply(orjson.loads(body))))
    except InvalidCursorError as error:
        return problem_response(invalid({"cursor": [f"{error}."]}))


@blueprint.route("/all-deals")
@documented(blueprint, schemas.ListedDealSchema(many=True), [STORE_FAILURE])
def all_deals() -> Response:
    """All deals, the newest created first."""
    wired = services()
    found = [stored.deal for stored in wired.deals.all_deals()]
    return json_response(deal_lists.all_deals(found, wired.timelines.activity_counts()))


@blueprint.route("/deals")
@blueprint.arguments(parameters.StageQuery(), location="query")
@documented(blueprint, schemas.StageDealSchema(many=True), [STORE_FAILURE])
def deals(query: dict[str, Any]) -> Response:
    """The deals of a stage, formatted for people; an unknown stage has none."""
    wired = services()
    pipelines = wired.pipelines.all()
    chosen = deal_lists.stage_ids(pipelines, query["stage"])
    found = [stored.deal for stored in wired.deals.deals_in_stages(chosen)] if chosen else []
    now = datetime.fromtimestamp(wired.clock(), UTC)
    return json_response(deal_lists.stage_deals(found, deal_lists.stages_by_id(pipelines), wired.zone, now))


@blueprint.route("/stages")
@documented(blueprint, schemas.StageSchema(many=True), [STORE_FAILURE])
def stages() -> Response:
    """The stages of all deal pipelines."""
    return json_response(deal_lists.stage_list(services().pipelines.all()))


@blueprint.route("/pipeline-summary")
@documented(blueprint, schemas.StageSummarySchema(many=True), [STORE_FAILURE])
def pipeline_summary() -> Response:
    """How many deals each stage has and what they are worth, most deals first."""
    rows = services().deals.pipeline_summary()
    return json_response([{"stage": row.stage or "", "count": row.count, "amount": row.amount} for row in rows])
