"""Answers from MongoDB alone: ``/api/hubspot/v2``. Never reads a cache tier, never calls HubSpot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response

from dealcache.api import deal_lists, parameters, schemas, stage_history
from dealcache.api.documentation import (
    CACHE_CONTROL,
    DATA_AS_OF,
    DEAL_NOT_MODIFIED,
    ETAG,
    NOT_MODIFIED,
    STORE_FAILURE,
    Documented,
    documented,
)
from dealcache.api.exports import timeline_response
from dealcache.api.responses import (
    json_response,
    list_tag,
    long_list,
    problem_response,
    short_list,
    stored_headers,
    stored_response,
    unknown_deal,
)
from dealcache.api.services import services
from dealcache.api.streaming import converted, json_array
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.model.deals import Deal
from dealcache.tiers import View

blueprint = StrictBlueprint(
    "mongodb", __name__, url_prefix="/api/hubspot/v2", description="Answers from MongoDB alone."
)

_NO_DEAL = Documented(404, "MongoDB does not know this deal, or its activities have not been read yet.")
_LIST_HEADERS = ETAG | CACHE_CONTROL
_HEADERS = _LIST_HEADERS | DATA_AS_OF


@blueprint.route("/health")
@documented(schemas.HealthSchema)
def health() -> Response:
    """Return that the API is available, without querying anything."""
    return json_response({"status": "healthy", "version": "v2"})


@blueprint.route("/deal-activities-count")
@blueprint.takes_query(parameters.DealQuery())
@documented(schemas.ActivitiesCountSchema, [DEAL_NOT_MODIFIED, _NO_DEAL, STORE_FAILURE], _HEADERS)
def deal_activities_count(query: Mapping[str, Any]) -> Response:
    """Return the number of a deal's activities by type."""
    return stored_response(services().mongodb.read(View.ACTIVITIES_COUNT, query["key"]), query["key"])


@blueprint.route("/deal-info")
@blueprint.takes_query(parameters.DealQuery())
@documented(schemas.DealInfoSchema, [DEAL_NOT_MODIFIED, _NO_DEAL, STORE_FAILURE], _HEADERS)
def deal_info(query: Mapping[str, Any]) -> Response:
    """Return a deal at a glance."""
    return stored_response(services().mongodb.read(View.INFO, query["key"]), query["key"])


@blueprint.route("/deal-stages")
@blueprint.takes_query(parameters.DealQuery())
@documented(
    stage_history.DealStagesSchema,
    [DEAL_NOT_MODIFIED, stage_history.NO_STORED_DEAL_OR_OFF, STORE_FAILURE],
    _HEADERS,
)
def deal_stages(query: Mapping[str, Any]) -> Response:
    """Return the stages that a deal has been in, and for how long."""
    histories = services().stage_histories
    if histories is None:
        return problem_response(stage_history.OFF)
    return stored_response(histories.stored(query["key"]), query["key"])


@blueprint.route("/deal-timeline")
@blueprint.takes_query(parameters.StoredTimelineRead())
@documented(schemas.TimelineSchema, [DEAL_NOT_MODIFIED, _NO_DEAL, STORE_FAILURE], _HEADERS)
def deal_timeline(query: Mapping[str, Any]) -> Response:
    """Return a deal's activities, oldest first; the whole timeline, or a part of it."""
    entry = services().mongodb.read(View.TIMELINE, query["key"])
    if entry is None:
        return problem_response(unknown_deal(query["key"]))
    return timeline_response(entry, query, stored_headers(entry))


@blueprint.route("/all-deals")
@documented(schemas.ListedDealSchema(many=True), [NOT_MODIFIED, STORE_FAILURE], _LIST_HEADERS)
def all_deals() -> Response:
    """Return all deals, the newest created first."""
    storage = services().storage
    version, (labels, digest) = storage.prepare_lists(), storage.labels.snapshot()
    batches = converted(storage.deal_batches.all_deals(), deal_lists.all_deals(labels, storage.unreadable))
    return long_list(json_array(batches), list_tag("all-deals", version, digest))


@blueprint.route("/deals")
@blueprint.takes_query(parameters.StageQuery())
@documented(schemas.StageDealSchema(many=True), [NOT_MODIFIED, STORE_FAILURE], _LIST_HEADERS)
def deals(query: Mapping[str, Any]) -> Response:
    """Return the deals of a stage, formatted for people; an unknown stage has none. Ages are as of the full minute."""
    wired, stage = services(), query["stage"]
    storage = wired.storage
    version, (labels, digest) = storage.summaries.state().version, storage.labels.snapshot()
    # The text of an age depends on the time, and the entity tag must include everything that the body depends on.
    now = datetime.fromtimestamp(wired.clock() // 60 * 60, UTC)

    def rows(stored: Iterable[Deal]) -> list[dict[str, Any]]:
        found = labels.deals_in_stage(stored, stage)
        return deal_lists.stage_deals(found, labels, wired.zone, now, storage.unreadable)

    batches = converted(storage.deal_batches.deals_in_stages(labels.possible_stage_ids(stage)), rows)
    return long_list(json_array(batches), list_tag("deals", version, digest, stage, str(wired.zone), now))


@blueprint.route("/stages")
@documented(schemas.StageSchema(many=True), [NOT_MODIFIED, STORE_FAILURE], _LIST_HEADERS)
def stages() -> Response:
    """Return the stages of all deal pipelines."""
    return short_list(deal_lists.stage_list(services().storage.labels.read()))


@blueprint.route("/pipeline-summary")
@documented(schemas.StageSummarySchema(many=True), [NOT_MODIFIED, STORE_FAILURE], _LIST_HEADERS)
def pipeline_summary() -> Response:
    """Return the number of deals in each stage and the sum of their amounts, most deals first."""
    storage = services().storage
    version, labels = storage.summaries.state().version, storage.labels.read()
    totals = storage.stage_totals.labelled(version, labels)
    return short_list(deal_lists.pipeline_summary(totals, labels, storage.identity.home_currency))
