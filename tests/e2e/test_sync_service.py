"""Syncs of a running service whose processes are killed or stopped in the middle."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient

from tests.e2e.conftest import WIDE_DEALS
from tests.e2e.jobs import Job, ask_for_sync, completed, job_of
from tests.e2e.programs import Gunicorn, HubSpot, StartService, signal_and_wait
from tests.e2e.truth import assert_true
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

StartWide = Callable[..., Gunicorn]


@pytest.fixture
def start_wide(start_service: StartService, wide_hubspot: HubSpot) -> StartWide:
    """Starts services that sync the HubSpot of many deals, with no confirming pass."""
    return partial(start_service, HUBSPOT_BASE_URL=wide_hubspot.url, SYNC_CONFIRM_SECONDS="0")


def hold_back(hubspot: HubSpot) -> None:
    """Let full loads come to their second thousand of deals, and there only step by step."""
    ids = sorted(int(deal["id"]) for deal in hubspot.steer("GET", "deals")["deals"])
    hubspot.steer("POST", "faults", match="associations", record=str(ids[1200]), delay=5.0)


def half_done(service: Gunicorn, job_id: str) -> Job:
    """The job, once something of it is stored for good."""
    job = until(lambda: (job := job_of(service, job_id))["progress"]["deals_read"] >= 1000 and job)
    assert job["status"] == "running"
    return job


def beginnings(service: Gunicorn, job_id: str) -> list[str]:
    """The moments at which workers took a job up, as their log tells."""
    return [line["time"] for line in service.log() if line["message"].startswith(f"sync job {job_id} (full) starts")]


def document_of(job_id: str, service: Gunicorn, mongodb_uri: str) -> dict[str, Any]:
    """The job as MongoDB has it."""
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        job = client[service.database].sync_jobs.find_one({"_id": job_id})
    assert job is not None
    return job


def runner_of(job_id: str, service: Gunicorn, mongodb_uri: str) -> int:
    """The worker that has a job: its process id stands in the name of the job's owner."""
    pid = int(document_of(job_id, service, mongodb_uri)["owner"].split("-")[-2])
    assert pid in service.workers()
    return pid


def test_a_killed_worker_leaves_its_job_to_another_one(
    start_wide: StartWide, wide_hubspot: HubSpot, mongodb_uri: str, record_property: pytest.RecordProperty
) -> None:
    """The next worker of one, and the other worker of two: both wait for the lease to end, at the same time."""
    services = [start_wide(WEB_CONCURRENCY=count) for count in ("1", "2")]
    hold_back(wide_hubspot)
    begun = [
        half_done(service, job_id) for service, job_id in [(one, ask_for_sync(one, full="true")) for one in services]
    ]
    for service, job in zip(services, begun, strict=True):
        os.kill(runner_of(job["job_id"], service, mongodb_uri), signal.SIGKILL)
    killed_at = time.monotonic()
    wide_hubspot.reset()
    for service, job in zip(services, begun, strict=True):
        until(lambda service=service, job=job: len(beginnings(service, job["job_id"])) == 2)
        record_property("seconds until the job went on", time.monotonic() - killed_at)
        after = completed(service, job["job_id"])
        assert after["started_at"] == job["started_at"]
        assert after["progress"]["deals_read"] == WIDE_DEALS
        assert_true(service, wide_hubspot, mongodb_uri)


def test_a_stopped_service_gives_its_job_back(
    start_wide: StartWide, wide_hubspot: HubSpot, mongodb_uri: str, record_property: pytest.RecordProperty
) -> None:
    service = start_wide()
    hold_back(wide_hubspot)
    job_id = ask_for_sync(service, full="true")
    begun = half_done(service, job_id)
    code, seconds = signal_and_wait(service)
    record_property("seconds to stop", seconds)
    assert code == 0
    assert seconds < 28  # a full load takes minutes
    assert document_of(job_id, service, mongodb_uri)["status"] == "queued"  # nobody waits for its lease to end
    wide_hubspot.reset()
    started_at = time.monotonic()
    service = start_wide(MONGODB_DATABASE=service.database)
    until(lambda: beginnings(service, job_id))
    record_property("seconds from the start until the job went on", time.monotonic() - started_at)
    job = completed(service, job_id)
    assert job["started_at"] == begun["started_at"]
    assert job["progress"]["deals_read"] == WIDE_DEALS
    # What was read completely before is not read again.
    assert wide_hubspot.calls()["list"] <= WIDE_DEALS // 100 - 10
    assert_true(service, wide_hubspot, mongodb_uri)
