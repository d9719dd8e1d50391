"""The status of a running service: what it tells, and what it tells when something has gone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dealcache import __version__
from dealcache.model.jobs import JobType, SyncRequest
from dealcache.sandbox.embedded import Mongod
from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import ACME, VIEWS, MakeService, Service
from tests.redis_server import RedisServer
from tests.waiting import PATIENCE


def status(service: Service) -> dict[str, Any]:
    response = service.get("status")
    assert response.status_code == 200, response.text
    return response.get_json()


def sample(service: Service, name: str, **labels: str) -> float | None:
    return service.parts.metrics.registry.get_sample_value(name, labels)


def until(service: Service, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Ask again and again until the status is as wanted; returns it."""
    deadline = time.monotonic() + PATIENCE
    while not condition(told := status(service)):
        assert time.monotonic() < deadline, str(told)
        time.sleep(0.01)
    return told


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and signs of life come in quick succession, and what was found a moment ago counts as unknown."""
    monkeypatch.setattr("dealcache.cluster.status_monitor.ASKED_SECONDS", 0.05)
    monkeypatch.setattr("dealcache.cluster.status_monitor.IDLE_SECONDS", 0.05)
    monkeypatch.setattr("dealcache.cluster.membership.SIGN_SECONDS", 0.02)
    # Not 0: nothing was ever found out so lately, and a request that waits for it would wait for as long as it may.
    monkeypatch.setattr("dealcache.cluster.status._PROBE_AFTER_SECONDS", 0.2)
    monkeypatch.setattr("dealcache.hubspot.gateway._CALL_COUNTS_SECONDS", 0.0)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits for a new look, however busy the machine is."""
    monkeypatch.setattr("dealcache.cluster.status.WAIT_SECONDS", 10.0)


@pytest.mark.usefixtures("waits")
def test_a_service_that_syncs_tells_of_its_data_and_its_jobs(make_service: MakeService) -> None:
    service = make_service(SYNC_INTERVAL_SECONDS="0", HUBSPOT_CLIENT_SECRET="secret")
    service.parts.start()
    told = until(service, lambda told: told["workers"] and told["data"]["deals"] is not None)
    assert told["data"] == {
        "as_of": None,
        "age_seconds": None,
        "max_age_seconds": 0,
        "deals": 0,
        "activities": 0,
        "timelines_missing": 0,
    }
    assert (told["sync"]["interval_seconds"], told["sync"]["last_completed"]) == (0, None)
    assert told["webhooks"] == {
        "enabled": True,
        "received_last_hour": 0,
        "pending": 0,
        "oldest_pending_seconds": None,
        "set_aside": 0,
    }
    readiness = service.get("/readyz").get_json()
    assert (readiness["data_as_of"], readiness["data_age_seconds"]) == (None, None)
    (worker,) = told["workers"]
    assert (worker["pid"], worker["version"]) == (os.getpid(), __version__)

    job, _ = service.parts.storage.sync_jobs.add(SyncRequest(JobType.INCREMENTAL), service.parts.now())
    service.parts.wake_sync()
    told = until(service, lambda told: told["sync"]["last_completed"])
    data, sync = told["data"], told["sync"]
    assert (data["deals"], data["activities"], data["timelines_missing"]) == (1, 60, 0)
    assert sync["last_completed"] == service.get(f"/api/hubspot/v2/sync/status/{job.job_id}").get_json()
    assert sync["last_full_at"] is not None  # a first sync loads everything
    horizon = service.parts.settings.sync_horizon_seconds
    as_of = datetime.fromtimestamp(service.clock() - horizon, UTC)
    assert data["as_of"] == as_of.isoformat().replace("+00:00", "Z")
    assert data["age_seconds"] == horizon
    readiness = service.get("/readyz").get_json()
    assert (readiness["data_as_of"], readiness["data_age_seconds"]) == (data["as_of"], horizon)

    service.get("/metrics")
    last_success = "dealcache_sync_last_success_timestamp_seconds"
    assert sample(service, "dealcache_data_as_of_timestamp_seconds") == as_of.timestamp()
    assert [sample(service, last_success, type=one) for one in ("incremental", "full", "stage")] == [
        service.clock(),
        service.clock(),
        0,
    ]


@pytest.mark.usefixtures("waits")
def test_reads_show_in_hits_latencies_and_data(make_service: MakeService) -> None:
    service = make_service()
    service.parts.start()
    until(service, lambda told: told["workers"])
    until(service, lambda told: told["tiers"]["hubspot"]["ok"])
    for _ in range(2):
        for view in VIEWS:
            service.get(view, dealName=ACME)
    stats = service.get("cache-stats").get_json()
    told = until(service, lambda told: told["data"]["as_of"])
    assert {tier: (one or {"hits": 0})["hits"] for tier, one in told["tiers"].items()} == {
        tier: one["hits"] for tier, one in stats["tiers"].items()
    }
    assert told["tiers"]["redis"] is None
    memory = told["tiers"]["memory"]
    assert (memory["ok"], memory["bytes"], memory["max_bytes"]) == (True, stats["size_bytes"], stats["max_bytes"])
    assert 0 < memory["p50_ms"] <= memory["p99_ms"]
    assert told["tiers"]["hubspot"]["p99_ms"] > 0
    assert told["tiers"]["mongodb"]["p50_ms"] is None  # it has answered no read
    assert told["hubspot_limits"]["app"] == {"left": 1_000, "limit": 1_000}
    # No sync has run: the data is as old as the one deal's.
    synced_at = service.database.deal_info.find_one()["timeline_synced_at"]
    assert told["data"]["as_of"] == synced_at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def test_without_mongodb_it_answers_at_once_with_nulls(
    make_mongod: Callable[..., Mongod], make_service: MakeService
) -> None:
    mongod = make_mongod()
    service = make_service(mongod.start())
    service.parts.start()
    until(service, lambda told: told["tiers"]["mongodb"]["ok"] and told["workers"])
    for view in VIEWS:
        service.get(view, dealName=ACME)
    mongod.kill()
    told = until(service, lambda told: told["tiers"]["mongodb"]["ok"] is False)
    assert told["data"].pop("max_age_seconds") == 0  # a setting
    assert set(told["data"].values()) == {None}
    assert (told["workers"], told["sync"]["running"], told["webhooks"]["pending"]) == (None, None, None)
    assert told["tiers"]["memory"]["hits"] == service.get("cache-stats").get_json()["tiers"]["memory"]["hits"]
    mongod.start()
    told = until(service, lambda told: told["workers"] and told["data"]["deals"] is not None)
    assert told["data"]["deals"] == 1  # though a killed mongod's own total may be wrong


def test_a_hubspot_or_redis_that_fails_shows_and_so_does_its_return(
    make_service: MakeService, own_redis: RedisServer
) -> None:
    service = make_service(REDIS_URL=own_redis.url)
    service.parts.start()
    until(service, lambda told: told["tiers"]["redis"]["ok"] and told["tiers"]["hubspot"]["ok"])
    own_redis.kill()
    service.hubspot.faults.add(Fault(".", status=500))
    until(service, lambda told: not told["tiers"]["redis"]["ok"] and told["tiers"]["hubspot"]["ok"] is False)
    service.hubspot.faults.clear()
    own_redis.start()
    until(service, lambda told: told["tiers"]["redis"]["ok"] and told["tiers"]["hubspot"]["ok"])


def test_two_workers_tell_the_same(make_service: MakeService) -> None:
    first, second = make_service(), make_service()
    for service in (first, second):
        service.parts.start()
    for service in (first, second):
        until(service, lambda told: len(told["workers"] or ()) == 2)
        for view in VIEWS:
            service.get(view, dealName=ACME)

    def hits(service: Service) -> dict[str, int]:
        return {tier: one["hits"] for tier, one in status(service)["tiers"].items() if one is not None}

    stats = [service.get("cache-stats", scope="worker").get_json()["tiers"] for service in (first, second)]
    both = {tier: sum(one[tier]["hits"] for one in stats) for tier in ("memory", "mongodb", "hubspot")}
    for service in (first, second):
        until(service, lambda _: hits(service) == both)  # noqa: B023 - it is called at once
    assert status(first)["workers"] == status(second)["workers"]
    second.parts.stop()
    until(first, lambda told: len(told["workers"]) == 1)
