"""The bodies of answers as marshmallow schemas. They only describe; bodies are encoded elsewhere."""

from __future__ import annotations

import marshmallow as ma

from dealcache.api.schema_fields import (
    amounts_field,
    count_field,
    day_field,
    flag_field,
    map_field,
    moment_field,
    number_field,
    people_field,
    properties_field,
    text_field,
    texts_field,
)
from dealcache.model.deals import EVENT_TYPES


class ProblemSchema(ma.Schema):
    """An error (RFC 9457)."""

    type = text_field("Always `about:blank`.")
    title = text_field("The status in words.")
    status = ma.fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = text_field("The error in a sentence.")
    request_id = text_field("The request's id, as in the header `X-Request-ID`.")
    error = text_field("The same as `detail`.")
    errors = map_field(ma.fields.List(ma.fields.String()), "For 422: what is wrong, field by field.")


class ActivitiesCountSchema(ma.Schema):
    """The number of a deal's activities."""

    count = count_field("All activities.")
    by_type = map_field(
        ma.fields.Integer(), "How many of each type.", {"Meeting": 3, "Outgoing Email": 9}, required=True
    )


class EventSchema(ma.Schema):
    """One activity on a timeline."""

    id = text_field("`<engagement_id>_<YYYYMMDDHHMM>`, the time in UTC.")
    engagement_id = text_field("HubSpot's id, unique within its kind of activity.")
    date_str = text_field("The day in the timeline's zone, `YYYY-MM-DD`.")
    time_str = text_field("The time in the timeline's zone, `HH:MM`.")
    timestamp = moment_field("ISO 8601, UTC.")
    type = text_field("The kind of activity.", validate=ma.validate.OneOf(EVENT_TYPES))
    subject = text_field("Title or subject, empty if it has none.")
    content = text_field("The body as plain text.")
    content_preview = text_field("The first 150 characters of the content, with `...` when cut.")
    owner = text_field("The owner's name, empty if it has none.")
    sentiment = ma.fields.Raw(metadata={"description": "As another system wrote it; absent otherwise."})
    buyer_intent = ma.fields.Raw(metadata={"description": "As another system wrote it; absent otherwise."})
    buyer_intent_explanation = ma.fields.Raw(metadata={"description": "As another system wrote it; absent otherwise."})
    with_ = people_field("Who took part. With `ASSOCIATED_NAMES=on` only, and once it was read.")


class TimelineSchema(ma.Schema):
    """A deal's activities, oldest first."""

    deal_id = text_field("HubSpot's id of the deal.")
    deal_name = text_field("The deal's name.")
    events = ma.fields.List(ma.fields.Nested(EventSchema), required=True)
    start_date = day_field("The day of the first event.")
    end_date = day_field("The day of the last event, future tasks included.")
    next_cursor = ma.fields.String(metadata={"description": "There while more follows; give it as `cursor`."})
    with_ = people_field(
        "The deal's own contacts and companies. With `ASSOCIATED_NAMES=on` only, and once they were read."
    )


class DealInfoSchema(ma.Schema):
    """A deal at a glance."""

    dealId = text_field("HubSpot's id of the deal.")
    dealName = text_field("The deal's name.")
    dealOwner = text_field("The owner's name, or `Unknown Owner`.")
    dealStage = text_field("The stage's label.")
    activityCount = count_field("All activities.")
    startDate = day_field("The day of the first event.")
    endDate = day_field("The day of the last event, future tasks included.")
    amount = number_field("The amount in the deal's currency.", allow_none=True)
    currency = ma.fields.String(metadata={"description": "The currency's ISO 4217 code; only if the deal has one."})
    pipeline = text_field("The pipeline's label.")
    closeDate = day_field("The day on which the deal closed or should close.")
    createDate = day_field("The day on which the deal was created.")
    otherDealIds = texts_field("The other deals of that name.")
    properties = properties_field()


class CacheEntrySchema(ma.Schema):
    """One cached key."""

    key = text_field("`<view>:<dealName>`.")
    deal_id = text_field("The deal that it is of; null if it only says that no such deal is known.", allow_none=True)
    age_seconds = number_field("Since it was read from MongoDB or HubSpot.")
    time_remaining_seconds = number_field("Until it expires; 0 when it has.")
    is_expired = flag_field("Kept only in case every tier below fails.")
    size_bytes = count_field("Its share of `max_bytes`.")
    hits = count_field("How often it was served.")


class TierHitsSchema(ma.Schema):
    """The reads that a tier has answered."""

    hits = count_field("Reads that this tier answered.")


class TiersSchema(ma.Schema):
    """Reads by the tier that answered."""

    memory = ma.fields.Nested(TierHitsSchema, required=True)
    redis = ma.fields.Nested(TierHitsSchema, required=True)
    mongodb = ma.fields.Nested(TierHitsSchema, required=True)
    hubspot = ma.fields.Nested(TierHitsSchema, required=True)


class CacheStatsSchema(ma.Schema):
    """The statistics of the cache."""

    scope = text_field("The workers that the statistics cover.", validate=ma.validate.OneOf(["group", "worker"]))
    workers = count_field("How many workers these are the statistics of.")
    workers_missing = texts_field("Host and process id of live workers whose statistics are not known.")
    complete = flag_field("False if a worker is missing or may be, or has more keys than it publishes.")
    total_entries = count_field("All cached keys; what several workers hold counts once.")
    matching_entries = count_field("Those of them that begin with `prefix`, on this page or not.")
    cache_ttl_seconds = number_field("How long a value is fresh.")
    entries = ma.fields.List(ma.fields.Nested(CacheEntrySchema), required=True)
    next_cursor = ma.fields.String(metadata={"description": "Names the next page; there while more entries follow."})
    hits = count_field("Reads answered by a cache tier.")
    misses = count_field("Reads that a tier below had to answer, or none could.")
    hit_ratio = number_field("`hits` of all reads, 0 to 1.")
    size_bytes = count_field("The size of all entries.")
    max_bytes = count_field("The bound on their size.")
    evictions = count_field("Entries given up to stay within it.")
    tiers = ma.fields.Nested(TiersSchema, required=True)


class ClearedSchema(ma.Schema):
    """The result of a clear."""

    message = text_field("A sentence.")
    entries_cleared = count_field("The distinct keys that left the cache.")


class HealthSchema(ma.Schema):
    """The API is there."""

    status = text_field("`healthy`.", validate=ma.validate.OneOf(["healthy"]))
    version = text_field("`v2`.", validate=ma.validate.OneOf(["v2"]))


class ListedDealSchema(ma.Schema):
    """A deal in the list of all deals; one that cannot be shown has nulls."""

    id = count_field("Its place in the list, from 0.")
    deal_id = text_field("HubSpot's id of the deal.")
    name = text_field("The deal's name.", allow_none=True)
    createdate = moment_field("When it was created.", allow_none=True)
    stage = text_field("The stage's label.", allow_none=True)
    owner = text_field("The owner's name, or `Unknown Owner`.", allow_none=True)
    activities = count_field("How many activities it has.", allow_none=True)


class StageDealSchema(ma.Schema):
    """A deal in the list of a stage, formatted for people; one that cannot be shown has nulls."""

    Deal_Name = text_field("The deal's name.")
    Owner = text_field("The owner's name, or `Unknown Owner`.", allow_none=True)
    Amount = text_field(
        "Like `$1,500.00`, with the symbol or the code of the deal's currency, or `Not specified`.", allow_none=True
    )
    Created_At = text_field("Like `Jan 10, 2026`, or `Not set`.", allow_none=True)
    Last_Update = text_field("Like `3 days ago`.", allow_none=True)
    Expected_Close_Date = text_field("Like `Jan 10, 2026`, or `Not set`.", allow_none=True)
    Closed_Won = text_field("`Yes` or `No`.", allow_none=True, validate=ma.validate.OneOf(["Yes", "No"]))
    Closed_Lost = text_field("`Yes` or `No`.", allow_none=True, validate=ma.validate.OneOf(["Yes", "No"]))


class StageSchema(ma.Schema):
    """A stage of a deal pipeline."""

    stage_name = text_field("The stage's label.")
    stage_id = text_field("HubSpot's id of the stage.")
    pipeline = text_field("The pipeline's label.")
    display_order = ma.fields.Integer(required=True, metadata={"description": "Its place in the pipeline."})
    probability = number_field("The chance to win a deal in this stage, 0 to 1.", allow_none=True)
    closed_won = text_field("`true` or `false`, as text.", validate=ma.validate.OneOf(["true", "false"]))
    closed_lost = flag_field("True if deals here are lost.")


class StageSummarySchema(ma.Schema):
    """The number of deals in a stage, and the sum of their amounts."""

    stage = text_field("The stage's label.")
    count = count_field("How many deals.")
    amount = number_field("The sum of their amounts.")
    amounts = amounts_field("The same by currency; only if not all deals are in the same.")


class LivenessSchema(ma.Schema):
    """The process lives."""

    status = text_field("`ok`.", validate=ma.validate.OneOf(["ok"]))


class ReadinessSchema(ma.Schema):
    """The state of the service."""

    status = text_field(
        "`ready`, `degraded` or `unavailable`.", validate=ma.validate.OneOf(["ready", "degraded", "unavailable"])
    )
    missing = texts_field("Which dependencies do not answer; `account`: MongoDB holds another HubSpot account's data.")
    data_as_of = moment_field(
        "Up to when HubSpot's changes are known; null while nothing is stored, and while that cannot be found out.",
        allow_none=True,
    )
    data_age_seconds = count_field("Seconds since then.", allow_none=True)
    reason = ma.fields.String(metadata={"description": "Where the account is wrong: which two, and what to do."})
