"""The state of the service at a glance: ``/api/hubspot/status``, with null for what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Response

from dealcache import __version__
from dealcache.api.documentation import documented
from dealcache.api.job_views import job_view
from dealcache.api.responses import json_response
from dealcache.api.services import services
from dealcache.api.status_schemas import StatusSchema
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.cluster import Status
from dealcache.cluster.reports import WorkerReport
from dealcache.cluster.status import as_of
from dealcache.model.freshness import as_of_text
from dealcache.model.jobs import Job, JobType
from dealcache.model.timestamps import optional_timestamp, timestamp
from dealcache.model.workers import Worker
from dealcache.repositories import Overview
from dealcache.settings import Settings
from dealcache.telemetry.latencies import quantile, total

blueprint = StrictBlueprint("status", __name__, url_prefix="/api/hubspot", description="The state of the service.")


@blueprint.route("/status")
@documented(StatusSchema)
def status() -> Response:
    """Return the age of the data, the state of syncs, webhooks and tiers, and the live workers."""
    wired = services()
    told = wired.status.read()
    now = wired.now()
    return json_response(status_view(told, wired.settings, wired.account.bound, now))


def status_view(status: Status, settings: Settings, portal_id: int | None, now: datetime) -> dict[str, Any]:
    """Return the status as JSON values; ``portal_id`` is that of the stored deals' HubSpot account, if it is known."""
    overview = status.snapshot.overview
    return {
        "version": __version__,
        "at": timestamp(now),
        "time_zone": settings.timeline_timezone.key,
        "account": {"portal_id": portal_id},
        "data": _data(overview, settings, now),
        "sync": _sync(overview, settings),
        "webhooks": _webhooks(overview, settings, now),
        "tiers": _tiers(status, settings),
        "hubspot_limits": _limits(status),
        "workers": None if status.workers is None else [_worker(one) for one in status.workers],
    } | ({"stage_history": True} if settings.stage_history == "on" else {})


def age_view(overview: Overview | None, now: datetime) -> tuple[str | None, int | None]:
    """Return up to when HubSpot's changes are known, and how many seconds ago that is."""
    moment = as_of(overview, now)
    return (None, None) if moment is None else (as_of_text(moment), max(0, int((now - moment).total_seconds())))


def _data(overview: Overview | None, settings: Settings, now: datetime) -> dict[str, Any]:
    moment, age = age_view(overview, now)
    return {
        "as_of": moment,
        "age_seconds": age,
        "max_age_seconds": number_view(settings.max_data_age_seconds),
        "deals": overview and overview.deals,
        "activities": overview and overview.activities,
        "timelines_missing": overview and overview.timelines_missing,
    }


def _sync(overview: Overview | None, settings: Settings) -> dict[str, Any]:
    interval = settings.sync_interval_seconds
    known: dict[str, Any] = {"interval_seconds": number_view(interval)}
    if overview is None:
        unknown = ("next_at", "running", "queued", "last_completed", "last_failed", "last_full_at")
        return known | dict.fromkeys(unknown)
    jobs, state = overview.jobs, overview.state
    return known | {
        "next_at": optional_timestamp(state.next_run_at if interval else None),
        "running": _job(jobs.running),
        "queued": jobs.queued,
        "last_completed": _job(jobs.last_completed),
        "last_failed": _job(jobs.last_failed),
        "last_full_at": optional_timestamp(state.completed.get(JobType.FULL)),
    }


def _webhooks(overview: Overview | None, settings: Settings, now: datetime) -> dict[str, Any]:
    known: dict[str, Any] = {"enabled": settings.hubspot_client_secret is not None}
    if overview is None:
        return known | dict.fromkeys(("received_last_hour", "pending", "oldest_pending_seconds", "set_aside"))
    oldest_at = overview.backlog.oldest_at
    age = None if oldest_at is None else round(max(0.0, (now - oldest_at).total_seconds()), 1)
    return known | {
        "received_last_hour": overview.received,
        "pending": overview.backlog.pending,
        "oldest_pending_seconds": age,
        "set_aside": overview.backlog.set_aside,
    }


def _tiers(status: Status, settings: Settings) -> dict[str, Any]:
    usages = [report.usage for report in status.reports]
    memory = {
        "entries": sum(one.entries for one in usages),
        "bytes": sum(one.size_bytes for one in usages),
        "max_bytes": sum(one.max_bytes for one in usages),
    }
    mongodb_answers = None if status.snapshot.is_empty else status.snapshot.overview is not None
    redis = {"ok": status.snapshot.redis} | _reads("redis", status.reports, status.of_server)
    return {
        "memory": {"ok": True} | memory | _reads("memory", status.reports, status.of_server),
        "redis": redis if settings.redis_url is not None else None,
        "mongodb": {"ok": mongodb_answers} | _reads("mongodb", status.reports, status.of_server),
        "hubspot": {"ok": status.hubspot} | _reads("hubspot", status.reports, status.of_server),
    }


def _reads(tier: str, reports: Sequence[WorkerReport], of_server: Sequence[WorkerReport]) -> dict[str, Any]:
    latencies = total(report.latencies.get(tier, {}) for report in of_server)
    return {
        "hits": sum(report.by_tier.get(tier, 0) for report in reports),
        "p50_ms": _milliseconds(quantile(latencies, 0.5)),
        "p99_ms": _milliseconds(quantile(latencies, 0.99)),
    }


def _limits(status: Status) -> dict[str, Any]:
    view: dict[str, Any] = {}
    for bucket in ("app", "search", "associations"):
        known = status.calls.get(bucket)
        view[bucket] = None if known is None else {"left": known[0], "limit": known[1]}
    daily = status.daily
    return view | {"daily": None if daily is None else {"left": daily.left, "limit": daily.limit}}


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "host": worker.host,
        "pid": worker.pid,
        "started_at": optional_timestamp(worker.started_at),
        "version": worker.version,
    }


def _job(job: Job | None) -> dict[str, Any] | None:
    return None if job is None else job_view(job)


def number_view(seconds: float) -> float:
    """Return a whole number as such, so that clients see the configured value."""
    return int(seconds) if float(seconds).is_integer() else seconds


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000.0, 3)
