"""The body of the status as marshmallow schemas. Unknown values are null."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from dealcache.api.job_views import JobSchema
from dealcache.api.schema_fields import count_field, flag_field, moment_field, number_field, text_field


def part(schema: type[ma.Schema], **more: Any) -> ma.fields.Nested:
    """Return a required object."""
    return ma.fields.Nested(schema, required=True, **more)


class AccountSchema(ma.Schema):
    """The HubSpot account whose deals are stored."""

    portal_id = count_field("Its id, which stands in the addresses of HubSpot's own pages.", allow_none=True)


class DataStatusSchema(ma.Schema):
    """The data in MongoDB, and how old it is."""

    as_of = moment_field(
        "Up to when HubSpot's changes are known: the watermark of the syncs; while there is none, when the deal was "
        "read that was read longest ago.",
        allow_none=True,
    )
    age_seconds = count_field("Seconds since then.", allow_none=True)
    max_age_seconds = number_field("From which age on data is read from HubSpot again, behind its reader; 0: never.")
    deals = count_field("Deals that are not archived.", allow_none=True)
    activities = count_field("All events.", allow_none=True)
    timelines_missing = count_field(
        "Deals that are not archived and whose activities were never read.", allow_none=True
    )


class SyncStatusSchema(ma.Schema):
    """The state of the syncs."""

    interval_seconds = number_field("Seconds between two syncs by themselves; 0: there are none.")
    next_at = moment_field("When the next one is due.", allow_none=True)
    running = part(JobSchema, allow_none=True)
    queued = count_field("Jobs that wait.", allow_none=True)
    last_completed = part(JobSchema, allow_none=True)
    last_failed = part(JobSchema, allow_none=True)
    last_full_at = moment_field("When the last full load was completed.", allow_none=True)


class WebhooksStatusSchema(ma.Schema):
    """The state of the webhook events."""

    enabled = flag_field("Whether the app's client secret is set; without it all are refused.")
    received_last_hour = count_field("Different events that came in the last hour.", allow_none=True)
    pending = count_field("Those that wait, the ones included whose records failed.", allow_none=True)
    oldest_pending_seconds = number_field("For how long the oldest of them does.", allow_none=True)
    set_aside = count_field("Those that failed for a day and are tried no more.", allow_none=True)


class TierStatusSchema(ma.Schema):
    """A tier."""

    ok = flag_field("Whether it answers; null while that is unknown.", allow_none=True)
    hits = count_field("Reads that it answered, as in `cache-stats`.")
    p50_ms = number_field("Half of its reads of the last minute took no longer, in milliseconds.", allow_none=True)
    p99_ms = number_field("99 of 100 took no longer.", allow_none=True)


class MemoryStatusSchema(TierStatusSchema):
    """The memory tiers of all workers."""

    entries = count_field("Their entries; what several workers hold counts for each.")
    bytes = count_field("The size of all entries.")
    max_bytes = count_field("The bound on it.")


class TiersStatusSchema(ma.Schema):
    """The tiers. Latencies are those of all workers of the server that answers."""

    memory = part(MemoryStatusSchema)
    redis = part(TierStatusSchema, allow_none=True)
    mongodb = part(TierStatusSchema)
    hubspot = part(TierStatusSchema)


class CallsLeftSchema(ma.Schema):
    """One of HubSpot's limits."""

    left = count_field("Calls that may be made now.", allow_none=True)
    limit = count_field("Calls of a whole period.", allow_none=True)


class HubSpotLimitsSchema(ma.Schema):
    """HubSpot's limits; null while nothing is known of one."""

    app = part(CallsLeftSchema, allow_none=True)
    search = part(CallsLeftSchema, allow_none=True)
    associations = part(CallsLeftSchema, allow_none=True)
    daily = part(CallsLeftSchema, allow_none=True)


class WorkerSchema(ma.Schema):
    """A worker that lives."""

    host = text_field("Its host.")
    pid = count_field("Its process id there.")
    started_at = moment_field("When it began.", allow_none=True)
    version = text_field("Its release; null for one of an earlier release, which does not say.", allow_none=True)


class StatusSchema(ma.Schema):
    """The state of the service."""

    version = text_field("The release of the worker that answers.")
    at = moment_field("The present.")
    time_zone = text_field("The zone of the days that answers show.")
    account = part(AccountSchema)
    data = part(DataStatusSchema)
    sync = part(SyncStatusSchema)
    webhooks = part(WebhooksStatusSchema)
    tiers = part(TiersStatusSchema)
    hubspot_limits = part(HubSpotLimitsSchema)
    stage_history = ma.fields.Boolean(
        metadata={"description": "True if the history of deals' stages is known; absent otherwise."}
    )
    workers = ma.fields.List(
        ma.fields.Nested(WorkerSchema), required=True, allow_none=True, metadata={"description": "All that live."}
    )
