"""The verdict on the service's state: a table of cases for the pure function that the status page asks."""

from __future__ import annotations

import json
from typing import Any

from dealcache.api.status_schemas import StatusSchema
from tests.console.browser import Console

_VERDICT = """
const [cases, done] = arguments;
import(`${document.documentElement.dataset.assets}/status/verdict.js`).then(
  ({verdict}) => done(cases.map(([status, known]) => verdict(status, known))),
  (error) => done(`${error}`));
"""

_JOB = {
    "job_id": "1",
    "type": "scheduled",
    "status": "completed",
    "created_at": "2026-11-30T11:59:00.000Z",
    "due_at": "2026-11-30T11:59:00.000Z",
    "started_at": "2026-11-30T11:59:00.000Z",
    "finished_at": "2026-11-30T11:59:30.000Z",
    "epoch0": None,
    "deal": None,
    "stage": None,
    "start_date": None,
    "end_date": None,
    "message": "done",
    "error": None,
    "cancelled": False,
    "warnings": [],
    "progress": {
        "phase": "done",
        "deals_read": 1,
        "deals_written": 1,
        "activities_read": 1,
        "activities_written": 1,
        "deals_changed": 0,
        "calls": 1,
        "waited_seconds": 0,
        "percent": 100,
        "seconds_left": 0,
    },
}
_TIER = {"ok": True, "hits": 12, "p50_ms": 2.1, "p99_ms": 9.0}
_WORKER = {"host": "web-1", "pid": 17, "started_at": "2026-11-30T11:00:00.000Z", "version": "1.0.0"}

_WELL: dict[str, Any] = {
    "version": "1.0.0",
    "at": "2026-11-30T12:00:00.000Z",
    "time_zone": "UTC",
    "account": {"portal_id": 7},
    "data": {
        "as_of": "2026-11-30T11:59:18Z",
        "age_seconds": 42,
        "max_age_seconds": 3600,
        "deals": 8800,
        "activities": 96800,
        "timelines_missing": 0,
    },
    "sync": {
        "interval_seconds": 60,
        "next_at": "2026-11-30T12:00:30.000Z",
        "running": None,
        "queued": 0,
        "last_completed": _JOB,
        "last_failed": None,
        "last_full_at": "2026-11-29T12:00:00.000Z",
    },
    "webhooks": {
        "enabled": True,
        "received_last_hour": 17,
        "pending": 0,
        "oldest_pending_seconds": None,
        "set_aside": 0,
    },
    "tiers": {
        "memory": {**_TIER, "entries": 12, "bytes": 40960, "max_bytes": 268435456},
        "redis": _TIER,
        "mongodb": _TIER,
        "hubspot": _TIER,
    },
    "hubspot_limits": {
        "app": {"left": 180, "limit": 190},
        "search": {"left": 0, "limit": 5},
        "associations": {"left": 150, "limit": 150},
        "daily": {"left": 249000, "limit": 250000},
    },
    "workers": [_WORKER],
}

_FAILED = {**_JOB, "status": "failed", "error": "HubSpot refuses the token", "finished_at": "2026-11-30T11:59:59.000Z"}
_EARLIER = {**_FAILED, "finished_at": "2026-11-30T11:00:00.000Z"}

#: What differs from a service that is well, the age of the data, the level, and how all that is said begins: findings
#: first, then notes.
_CASES: list[tuple[dict[str, Any], int | None, str, list[str]]] = [
    ({}, 42, "good", []),
    ({"tiers.redis": None}, 42, "good", []),
    ({"tiers.mongodb.ok": False, "data.deals": None, "data.as_of": None}, None, "bad", ["MongoDB does not answer."]),
    ({"tiers.redis.ok": False}, 42, "warn", ["Redis does not answer."]),
    ({"tiers.hubspot.ok": False}, 42, "bad", ["HubSpot does not answer"]),
    ({"tiers.hubspot.ok": None}, 42, "unknown", []),
    ({"data.deals": None}, 42, "unknown", []),
    ({"tiers.mongodb.ok": None, "data.deals": None}, None, "unknown", []),
    (
        {"tiers.redis.ok": False, "tiers.hubspot.ok": False},
        42,
        "bad",
        ["HubSpot does not answer", "Redis does not answer."],
    ),
    ({"tiers.memory.bytes": 268000000}, 42, "good", ["The memory tier is full."]),
    ({"data.deals": 0}, None, "warn", ["No deals are stored."]),
    ({"data.deals": 0, "sync.running": _JOB}, None, "good", []),
    ({}, 1020, "good", []),
    ({}, 1021, "warn", ["The data is 17 min old."]),
    ({"sync.interval_seconds": 0}, 3600, "good", []),
    ({"sync.interval_seconds": 0}, 3601, "warn", ["The data is 1 h old."]),
    ({"sync.interval_seconds": 0, "data.max_age_seconds": 0}, 3601, "warn", ["The data is 1 h old."]),
    ({"data.timelines_missing": 1}, 42, "warn", ["1 deal has no timeline yet."]),
    ({"data.timelines_missing": 2, "sync.running": _JOB}, 42, "good", ["2 deals have no timeline yet."]),
    ({"sync.last_failed": _FAILED}, 42, "warn", ["The last sync failed: HubSpot refuses the token."]),
    ({"sync.last_failed": _EARLIER}, 42, "good", []),
    ({"sync.last_failed": _EARLIER, "sync.last_completed": None}, 42, "warn", ["The last sync failed:"]),
    ({"sync.last_completed": {**_JOB, "warnings": ["no e-mails"]}}, 42, "good", ["The last sync went on without"]),
    ({"sync.next_at": "2026-11-30T11:54:00.000Z"}, 42, "warn", ["A sync has been due since"]),
    ({"sync.next_at": "2026-11-30T11:54:00.000Z", "sync.running": _JOB}, 42, "good", []),
    ({"sync.interval_seconds": 0, "webhooks.enabled": False}, 42, "good", ["Neither scheduled syncs nor webhooks"]),
    ({"webhooks.set_aside": 1}, 42, "warn", ["1 webhook event was set aside"]),
    (
        {"webhooks.pending": 3, "webhooks.oldest_pending_seconds": 301.5},
        42,
        "warn",
        ["3 webhook events wait, the oldest for 5 min 2 s."],
    ),
    ({"webhooks.pending": 3, "webhooks.oldest_pending_seconds": 299}, 42, "good", []),
    ({"hubspot_limits.daily.left": 25000}, 42, "warn", ["HubSpot's limit for the day is nearly used up: 25,000 of"]),
    ({"hubspot_limits.daily.left": 5000}, 42, "warn", ["HubSpot's limit for the day is all but used up: 5,000 of"]),
    ({"hubspot_limits.daily": None}, 42, "good", []),
    ({"hubspot_limits.app.left": 19}, 42, "warn", ["HubSpot's limit for ten seconds is nearly used up: 19 of 190"]),
    ({"hubspot_limits.app.left": 0, "sync.running": _JOB}, 42, "good", ["HubSpot's limit for ten seconds"]),
    ({"workers": [_WORKER, {**_WORKER, "version": None}]}, 42, "good", ["Workers of several releases run: 1.0.0, an"]),
    ({"workers": None}, 42, "good", []),
]


def _status(changes: dict[str, Any]) -> dict[str, Any]:
    status = json.loads(json.dumps(_WELL))  # no two parts of it are the same object
    for path, value in changes.items():
        *parts, last = path.split(".")
        place = status
        for part in parts:
            place = place[part]
        assert last in place, path
        place[last] = value
    return status


def test_the_verdict_follows_from_the_status(console: Console) -> None:
    assert StatusSchema().validate(_WELL) == {}
    console.open("/status")
    asked = [[_status(changes), {"age": age}] for changes, age, _, _ in _CASES]
    verdicts = console.driver.execute_async_script(_VERDICT, asked)
    for (changes, age, level, starts), found in zip(_CASES, verdicts, strict=True):
        said = [one["text"] for one in (*found["findings"], *found["notes"])]
        assert found["level"] == level, (changes, age, said)
        assert len(said) == len(starts), (changes, age, said)
        assert all(text.startswith(start) for text, start in zip(said, starts, strict=True)), (changes, age, said)
        assert all(one["next"] for one in (*found["findings"], *found["notes"])), (changes, age, found)
        assert (found["title"] == "All is well.") == (level == "good")


def test_what_is_not_known_to_be_current_is_not_called_well(console: Console) -> None:
    console.open("/status")
    known = {"age": 42, "isCurrent": False}
    (found,) = console.driver.execute_async_script(_VERDICT, [[_WELL, known]])
    assert (found["level"], found["title"]) == ("unknown", "It is not known whether all is well.")
