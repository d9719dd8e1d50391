"""The JSON of the status: the contract's shape, and nulls for what cannot be known."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dealcache import __version__
from dealcache.api import status
from dealcache.api.access import Tokens
from dealcache.api.job_views import job_view
from dealcache.api.status_schemas import StatusSchema
from dealcache.cluster import Status
from dealcache.cluster.reports import DailyCalls, WorkerReport
from dealcache.cluster.status_monitor import Snapshot
from dealcache.model.jobs import Job, JobStatus, JobType, SyncRequest
from dealcache.model.workers import Worker
from dealcache.repositories import Backlog, Overview, SyncState
from dealcache.repositories.overview import JobOverview
from dealcache.settings import Settings, load_settings
from dealcache.telemetry.latencies import BOUNDS
from dealcache.tiers import Usage
from tests.clocks import ManualClock
from tests.unit.api.stands import client_of

NOW = datetime.fromtimestamp(1_800_000_000, UTC)
STATUS = "/api/hubspot/status"
SETTINGS = load_settings(
    {
        "HUBSPOT_ACCESS_TOKEN": "token",
        "HUBSPOT_CLIENT_SECRET": "secret",
        "MONGODB_URI": "mongodb://db/",
        "REDIS_URL": "redis://cache",
        "SYNC_INTERVAL_SECONDS": "60",
        "TIMELINE_TIMEZONE": "Europe/Berlin",
    }
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def job(job_type: JobType, job_status: JobStatus) -> Job:
    return Job("0" * 32, SyncRequest(job_type), job_status, ago(30), ago(30), started_at=ago(20))


RUNNING, DONE = job(JobType.SCHEDULED, JobStatus.RUNNING), job(JobType.FULL, JobStatus.COMPLETED)
OVERVIEW = Overview(
    SyncState(watermark=ago(42.5), next_run_at=ago(-18), completed={"full": ago(86_400)}),
    JobOverview(RUNNING, 2, DONE, None),
    Backlog(3, ago(7.25), 1),
    17,
    8_800,
    96_800,
    4,
    None,
)
QUICK, SLOW = (bisect_left(BOUNDS, seconds) for seconds in (0.000007, 0.00045))
REPORT = WorkerReport(
    {"memory": 1_920, "mongodb": 12},
    Usage(12, 40_960, 268_435_456, 0),
    {"memory": {QUICK: 98, SLOW: 2}},
    {},
    None,
    None,
)
TOLD = Status(
    Snapshot(1.0, OVERVIEW, True),
    [Worker("w", "web-1", 17, has_cache=True, version="1.2.3", started_at=ago(3_600))],
    [REPORT, replace(REPORT, latencies={"memory": {SLOW: 1_000}})],
    [REPORT],
    True,
    DailyCalls(249_000, 250_000, 1.0),
    {"app": (180, 190), "search": (5, 5), "associations": (100, 150)},
)
#: Nothing below answers, and nothing has been asked for yet.
UNKNOWN = replace(
    TOLD,
    snapshot=Snapshot(1.0, None, False),
    workers=None,
    reports=[REPORT],
    hubspot=None,
    daily=None,
    calls={},
)


def shown(told: Status, settings: Settings = SETTINGS) -> dict[str, Any]:
    services = {
        "status": SimpleNamespace(read=lambda: told),
        "settings": settings,
        "clock": ManualClock(NOW.timestamp()),
        "account": SimpleNamespace(bound=62_515),
    }
    answer = client_of(status.blueprint, **services).get(STATUS)
    assert answer.status_code == 200, answer.text
    content = answer.get_json()
    assert not StatusSchema().validate(content)
    return content


def test_everything_that_is_known_is_told():
    content = shown(TOLD)
    tiers = content.pop("tiers")
    memory = tiers.pop("memory")
    assert content == {
        "version": __version__,
        "at": "2027-01-15T08:00:00.000Z",
        "time_zone": "Europe/Berlin",
        "account": {"portal_id": 62_515},
        "data": {
            "as_of": "2027-01-15T07:59:17Z",
            "age_seconds": 42,
            "max_age_seconds": 3_600,
            "deals": 8_800,
            "activities": 96_800,
            "timelines_missing": 4,
        },
        "sync": {
            "interval_seconds": 60,
            "next_at": "2027-01-15T08:00:18.000Z",
            "running": job_view(RUNNING),
            "queued": 2,
            "last_completed": job_view(DONE),
            "last_failed": None,
            "last_full_at": "2027-01-14T08:00:00.000Z",
        },
        "webhooks": {
            "enabled": True,
            "received_last_hour": 17,
            "pending": 3,
            "oldest_pending_seconds": 7.2,
            "set_aside": 1,
        },
        "hubspot_limits": {
            "app": {"left": 180, "limit": 190},
            "search": {"left": 5, "limit": 5},
            "associations": {"left": 100, "limit": 150},
            "daily": {"left": 249_000, "limit": 250_000},
        },
        "workers": [{"host": "web-1", "pid": 17, "started_at": "2027-01-15T07:00:00.000Z", "version": "1.2.3"}],
    }
    silent = {"p50_ms": None, "p99_ms": None}
    assert tiers == {
        "redis": {"ok": True, "hits": 0} | silent,
        "mongodb": {"ok": True, "hits": 24} | silent,
        "hubspot": {"ok": True, "hits": 0} | silent,
    }
    # Hits are those of all workers, latencies those of this server's.
    assert {name: memory[name] for name in ("ok", "entries", "bytes", "max_bytes", "hits")} == {
        "ok": True,
        "entries": 24,
        "bytes": 81_920,
        "max_bytes": 536_870_912,
        "hits": 3_840,
    }
    assert (memory["p50_ms"], memory["p99_ms"]) == (pytest.approx(0.007, rel=0.13), pytest.approx(0.45, rel=0.13))


def test_what_cannot_be_known_is_null():
    content = shown(UNKNOWN)
    assert {name: value for name, value in content["data"].items() if value is not None} == {"max_age_seconds": 3_600}
    sync = {name: value for name, value in content["sync"].items() if value is not None}
    assert sync == {"interval_seconds": 60}
    assert {name: value for name, value in content["webhooks"].items() if value is not None} == {"enabled": True}
    assert set(content["hubspot_limits"].values()) == {None}
    assert content["workers"] is None
    assert {tier: value["ok"] for tier, value in content["tiers"].items()} == {
        "memory": True,
        "redis": False,
        "mongodb": False,
        "hubspot": None,
    }
    assert content["tiers"]["memory"]["hits"] == 1_920


def test_before_anything_was_looked_at_it_is_not_said_to_be_down():
    content = shown(replace(UNKNOWN, snapshot=Snapshot()))
    assert (content["tiers"]["mongodb"]["ok"], content["tiers"]["redis"]["ok"]) == (None, None)


def test_what_is_not_configured_is_told():
    content = shown(TOLD, replace(SETTINGS, sync_interval_seconds=0.0, hubspot_client_secret=None, redis_url=None))
    assert content["tiers"]["redis"] is None
    assert content["webhooks"]["enabled"] is False
    assert (content["sync"]["interval_seconds"], content["sync"]["next_at"]) == (0, None)
    assert shown(TOLD, replace(SETTINGS, sync_interval_seconds=7.5))["sync"]["interval_seconds"] == 7.5


def test_of_the_days_calls_their_limit_may_be_unknown():
    used_up = replace(TOLD, daily=DailyCalls(0, None, 1.0))
    assert shown(used_up)["hubspot_limits"]["daily"] == {"left": 0, "limit": None}


@pytest.mark.parametrize(("token", "expected"), [(None, 401), ("wrong", 401), ("secret", 200)])
def test_the_api_token_is_asked_for(token: str | None, expected: int):
    services = {"status": SimpleNamespace(read=lambda: TOLD), "settings": SETTINGS}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = client_of(status.blueprint, Tokens("secret", None), **services)
    assert client.get(STATUS, headers=headers).status_code == expected
