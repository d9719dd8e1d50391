"""The findings about Redis, webhooks and the age of the data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dealcache.checks.facts import NO_ANSWER
from dealcache.checks.overview import judge_data_age, judge_webhooks
from dealcache.checks.redis import judge_redis
from dealcache.model.jobs import Job, JobStatus, SyncRequest
from dealcache.model.workers import RedisUnavailable
from dealcache.repositories import Overview
from dealcache.repositories.overview import JobOverview
from dealcache.repositories.sync.state import SyncState
from dealcache.repositories.sync.webhook_events import Backlog
from dealcache.settings import Settings, SettingsError, load_settings

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def settings(**environ: str) -> Settings:
    return load_settings({"HUBSPOT_ACCESS_TOKEN": "t", "MONGODB_URI": "mongodb://db/"} | environ)


def overview(**fields: Any) -> Overview:
    values = {
        "state": SyncState(watermark=NOW - timedelta(minutes=5)),
        "jobs": JobOverview(None, 0, None, None),
        "backlog": Backlog(0, None, 0),
        "received": 0,
        "deals": None,
        "activities": None,
        "timelines_missing": 0,
        "oldest_read_at": None,
    }
    return Overview(**values | fields)


def job(status: JobStatus, minutes_ago: float, error: str | None = None) -> Job:
    at = NOW - timedelta(minutes=minutes_ago)
    return Job("1", SyncRequest.for_options(everything=True), status, at, at, at, at, error=error)


def lines(findings: Any) -> list[str]:
    return [one.line() for one in findings]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "ok       Redis: not configured"),
        (True, "ok       Redis: answers"),
        (NO_ANSWER, "failed   Redis: no answer in time; see whether it runs"),
        (SettingsError("the extra is missing"), "failed   Redis: the extra is missing"),
        (RedisUnavailable("Redis does not answer"), "failed   Redis: Redis does not answer; see whether it runs"),
    ],
)
def test_redis(written, said):
    assert judge_redis(written).line().startswith(said)


SECRET = {"HUBSPOT_CLIENT_SECRET": "s3cret"}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, ["ok       webhooks: not configured"]),
        (SECRET, ["ok       webhooks secret:", "warning  webhooks public URL: PUBLIC_URL is not set"]),
        (
            SECRET | {"PUBLIC_URL": "https://deals.example.com"},
            [
                "ok       webhooks secret:",
                "ok       webhooks public URL: HubSpot delivers to https://deals.example.com",
            ],
        ),
        (
            SECRET | {"PUBLIC_URL": "http://deals.example.com"},
            ["ok ", "warning  webhooks public URL: PUBLIC_URL is http"],
        ),
        (
            SECRET | {"PUBLIC_URL": "https://localhost:8000"},
            ["ok ", "warning  webhooks public URL: PUBLIC_URL is https"],
        ),
    ],
)
def test_webhooks_by_the_settings(environ, said):
    found = lines(judge_webhooks(settings(**environ), NO_ANSWER))
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))
    assert "s3cret" not in "".join(found)


@pytest.mark.parametrize(
    ("backlog", "said"),
    [
        (Backlog(3, NOW, 0), "ok       webhooks events: 7 received in the last hour, 3 pending"),
        (Backlog(3, NOW, 2), "warning  webhooks events: 2 are set aside"),
    ],
)
def test_webhook_events(backlog, said):
    assert lines(judge_webhooks(settings(**SECRET), overview(received=7, backlog=backlog)))[-1].startswith(said)


@pytest.mark.parametrize(
    ("minutes", "environ", "said"),
    [
        (5, {}, "ok       data age: 5 minutes; changes up to 2026-11-30T11:55:00Z are known"),
        (61, {"MAX_DATA_AGE_SECONDS": "0"}, "ok       data age: 61 minutes"),
        (61, {}, "warning  data age: 61 minutes; changes up to 2026-11-30T10:59:00Z are known, which is older than"),
        (3000, {"SYNC_INTERVAL_SECONDS": "60"}, "failed   data age: 2 days;"),
    ],
)
def test_the_age_of_the_data(minutes, environ, said):
    state = SyncState(watermark=NOW - timedelta(minutes=minutes))
    (line,) = lines(judge_data_age(settings(**environ), overview(state=state), NOW))
    assert line.startswith(said)


def test_without_data_there_is_no_age():
    (line,) = lines(judge_data_age(settings(), overview(state=SyncState()), NOW))
    assert line.startswith("warning  data age: nothing is stored yet; run `dealcache sync`")
    (line,) = lines(judge_data_age(settings(), NO_ANSWER, NOW))
    assert line.startswith("failed   data age: unknown")


@pytest.mark.parametrize(("completed_ago", "warned"), [(None, True), (30, True), (10, False)])
def test_a_sync_that_failed_last_is_told(completed_ago, warned):
    done = None if completed_ago is None else job(JobStatus.COMPLETED, completed_ago)
    jobs = JobOverview(None, 0, done, job(JobStatus.FAILED, 20, "HubSpot\nrefuses"))
    told = lines(judge_data_age(settings(), overview(jobs=jobs), NOW))[1:]
    assert len(told) == warned
    assert all(
        line.startswith("warning  data syncs: the last one failed at 2026-11-30T11:40:00Z: Hub") for line in told
    )
    assert all(line.count("\n") == 0 for line in told)
