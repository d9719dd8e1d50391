"""What answers hold, as marshmallow schemas. They describe; bodies are made elsewhere, as bytes."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from dealcache.deals import EVENT_TYPES


def _text(description: str, **more: Any) -> ma.fields.String:
    return ma.fields.String(required=True, metadata={"description": description}, **more)


def _number(description: str, **more: Any) -> ma.fields.Float:
    return ma.fields.Float(required=True, metadata={"description": description}, **more)


def _count(description: str) -> ma.fields.Integer:
    return ma.fields.Integer(required=True, metadata={"description": description, "minimum": 0})


def _day(description: str) -> ma.fields.String:
    return ma.fields.String(required=True, allow_none=True, metadata={"description": description, "format": "date"})


class ProblemSchema(ma.Schema):
    """An error (RFC 9457)."""

    type = _text("Always `about:blank`.")
    title = _text("The status in words.")
    status = ma.fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = _text("What is wrong, in a sentence.")
    request_id = _text("The request's id, as in the header `X-Request-ID`.")
    error = _text("The same as `detail`.")
    errors = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.List(ma.fields.String()),
        metadata={"description": "For 422: what is wrong, field by field."},
    )


class ActivitiesCountSchema(ma.Schema):
    """How many activities a deal has."""

    count = _count("All activities.")
    by_type = ma.fields.Dict(
        required=True,
        keys=ma.fields.String(),
        values=ma.fields.Integer(),
        metadata={"description": "How many of each type.", "example": {"Meeting": 3, "Outgoing Email": 9}},
    )


class EventSchema(ma.Schema):
    """One activity on a timeline."""

    id = _text("`<engagement_id>_<YYYYMMDDHHMM>`, the time in UTC.")
    engagement_id = _text("HubSpot's id, unique within its kind of activity.")
    date_str = _text("The day in the timeline's zone, `YYYY-MM-DD`.")
    time_str = _text("The time in the timeline's zone, `HH:MM`.")
    timestamp = ma.fields.String(required=True, metadata={"description": "ISO 8601, UTC.", "format": "date-time"})
    type = _text("What kind of activity it is.", validate=ma.validate.OneOf(EVENT_TYPES))
    subject = _text("Title or subject, empty if it has none.")
    content = _text("The body as plain text.")
    content_preview = _text("The first 150 characters of the content, with `...` when cut.")
    owner = _text("The owner's name, empty if it has none.")
    sentiment = ma.fields.Raw(metadata={"description": "As another system wrote it; absent otherwise."})
    buyer_intent = ma.fields.Raw(metadata={"description": "As another system wrote it; absent otherwise."})
    buyer_intent_explanation = ma.fields.Raw(metadata={"description": "As another system wrote it; absent otherwise."})


class TimelineSchema(ma.Schema):
    """A deal's activities, oldest first."""

    deal_id = _text("HubSpot's id of the deal.")
    deal_name = _text("The deal's name.")
    events = ma.fields.List(ma.fields.Nested(EventSchema), required=True)
    start_date = _day("The day of the first event.")
    end_date = _day("The day of the last event, future tasks included.")
    next_cursor = ma.fields.String(metadata={"description": "There while more follows; give it as `cursor`."})


class DealInfoSchema(ma.Schema):
    """A deal at a glance."""

    dealId = _text("HubSpot's id of the deal.")
    dealName = _text("The deal's name.")
    dealOwner = _text("The owner's name, or `Unknown Owner`.")
    dealStage = _text("The stage's label.")
    activityCount = _count("All activities.")
    startDate = _day("The day of the first event.")
    endDate = _day("The day of the last event, future tasks included.")
    amount = _number("The amount in the deal's currency.", allow_none=True)
    pipeline = _text("The pipeline's label.")
    closeDate = _day("The day on which the deal closed or should close.")
    createDate = _day("The day on which the deal was created.")
    otherDealIds = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "The other deals of that name."}
    )


class CacheEntrySchema(ma.Schema):
    """One cached key."""

    key = _text("`<view>:<dealName>`.")
    age_seconds = _number("Since it was read from MongoDB or HubSpot.")
    time_remaining_seconds = _number("Until it expires; 0 when it has.")
    is_expired = ma.fields.Boolean(required=True, metadata={"description": "Kept only in case every tier below fails."})
    size_bytes = _count("What it takes of `max_bytes`.")
    hits = _count("How often it was served.")


class TierHitsSchema(ma.Schema):
    """How many reads a tier has answered."""

    hits = _count("Reads that this tier answered.")


class TiersSchema(ma.Schema):
    """Reads by the tier that answered."""

    memory = ma.fields.Nested(TierHitsSchema, required=True)
    redis = ma.fields.Nested(TierHitsSchema, required=True)
    mongodb = ma.fields.Nested(TierHitsSchema, required=True)
    hubspot = ma.fields.Nested(TierHitsSchema, required=True)


class CacheStatsSchema(ma.Schema):
    """What the cache holds, and how well it does."""

    scope = _text("Whose figures these are.", validate=ma.validate.OneOf(["group", "worker"]))
    workers = _count("How many workers have told theirs.")
    workers_missing = ma.fields.List(
        ma.fields.String(),
        required=True,
        metadata={"description": "Host and process id of those that live but did not tell theirs within a second."},
    )
    complete = ma.fields.Boolean(
        required=True,
        metadata={"description": "Whether nobody is missing, it was known whom to ask, and no list was cut."},
    )
    total_entries = _count("All cached keys; what several workers hold counts once.")
    cache_ttl_seconds = _number("How long a value is fresh.")
    entries = ma.fields.List(ma.fields.Nested(CacheEntrySchema), required=True)
    hits = _count("Reads answered by a cache tier.")
    misses = _count("Reads that a tier below had to answer, or none could.")
    hit_ratio = _number("`hits` of all reads, 0 to 1.")
    size_bytes = _count("What all entries take.")
    max_bytes = _count("What they may take.")
    evictions = _count("Entries given up to stay within it.")
    tiers = ma.fields.Nested(TiersSchema, required=True)


class ClearedSchema(ma.Schema):
    """What a clear removed."""

    message = _text("A sentence.")
    entries_cleared = _count("The distinct keys that left the cache.")


class HealthSchema(ma.Schema):
    """That the API is there."""

    status = _text("`healthy`.")
    version = _text("`v2`.")


class ListedDealSchema(ma.Schema):
    """A deal in the list of all deals."""

    id = _count("Its place in the list, from 0.")
    deal_id = _text("HubSpot's id of the deal.")
    name = _text("The deal's name.")
    createdate = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "When it was created.", "format": "date-time"}
    )
    stage = _text("The stage's label.")
    owner = _text("The owner's name, or `Unknown Owner`.")
    activities = _count("How many activities it has.")


class StageDealSchema(ma.Schema):
    """A deal in the list of a stage, formatted for people."""

    Deal_Name = _text("The deal's name.")
    Owner = _text("The owner's name, or `Unknown Owner`.")
    Amount = _text("Like `$1,500.00`, or `Not specified`.")
    Created_At = _text("Like `Jan 10, 2026`, or `Not set`.")
    Last_Update = _text("Like `3 days ago`.")
    Expected_Close_Date = _text("Like `Jan 10, 2026`, or `Not set`.")
    Closed_Won = _text("`Yes` or `No`.", validate=ma.validate.OneOf(["Yes", "No"]))
    Closed_Lost = _text("`Yes` or `No`.", validate=ma.validate.OneOf(["Yes", "No"]))


class StageSchema(ma.Schema):
    """A stage of a deal pipeline."""

    stage_name = _text("The stage's label.")
    stage_id = _text("HubSpot's id of the stage.")
    pipeline = _text("The pipeline's label.")
    display_order = ma.fields.Integer(required=True, metadata={"description": "Its place in the pipeline."})
    probability = _number("The chance to win a deal in this stage, 0 to 1.", allow_none=True)
    closed_won = _text("`true` or `false`, as text.", validate=ma.validate.OneOf(["true", "false"]))
    closed_lost = ma.fields.Boolean(required=True, metadata={"description": "Whether deals here are lost."})


class StageSummarySchema(ma.Schema):
    """How many deals a stage has, and what they are worth."""

    stage = _text("The stage's label.")
    count = _count("How many deals.")
    amount = _number("The sum of their amounts.")


class LivenessSchema(ma.Schema):
    """That the process lives."""

    status = _text("`ok`.")


class ReadinessSchema(ma.Schema):
    """Whether the service can serve."""

    status = _text(
        "`ready`, `degraded` or `unavailable`.", validate=ma.validate.OneOf(["ready", "degraded", "unavailable"])
    )
    missing = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "Which dependencies do not answer."}
    )
