"""Syncs by themselves leave the last calls of HubSpot's day to readers and to those who ask for a sync."""

from __future__ import annotations

import pytest

from dealcache.hubspot.daily_calls import DailyCalls
from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import Limits
from tests.integration.sync.harness import Account, MakeAccount

ACCOUNT_DAY = 86_400


@pytest.fixture
def account(make_account: MakeAccount) -> Account:
    """Synced once, and a sync by itself is due; the account has 10,000 calls a day."""
    account = make_account(SYNC_INTERVAL_SECONDS="3600")
    account.sync.runner.run_due_jobs()
    account.clock.tick(3601)
    return account


def daily_calls(account: Account) -> DailyCalls:
    found: DailyCalls = account.sync.hubspot.daily_calls
    return found


def leave(account: Account, left: int) -> None:
    """Let HubSpot have so many calls left for today; its other limits are out of the way, as the clock stands still."""
    wide = {"ten_secondly": 9_000, "search_per_second": 9_000, "associations_ten_secondly": 9_000}
    account.hubspot.set_limits(Limits(daily=10_000, daily_used=10_000 - left, **wide))


def spend(account: Account, left: int) -> None:
    """The same, and let a reader find out."""
    leave(account, left)
    assert account.service.get("/api/hubspot/deal-info", dealName="Deal 1", refresh="true").status_code == 200


def jobs(account: Account, kind: JobType, status: JobStatus) -> int:
    _, found = account.storage.sync_jobs.list(status, 100)
    return sum(job.request.type is kind for job in found)


def test_a_sync_by_itself_waits_for_the_next_day(account: Account) -> None:
    spend(account, 199)
    account.hubspot.calls.clear()
    account.sync.runner.run_due_jobs()
    assert account.hubspot.calls.count() == 0
    assert jobs(account, JobType.SCHEDULED, JobStatus.COMPLETED) == 1

    # Hours later HubSpot is asked whether its day has ended, once; and again later.
    daily_calls(account)._known_at -= 600
    account.sync.runner.run_due_jobs()
    account.sync.runner.run_due_jobs()
    assert account.hubspot.calls.counts() == {"account": 1}

    account.clock.tick(ACCOUNT_DAY)
    daily_calls(account)._known_at -= 600
    account.sync.runner.run_due_jobs()
    assert jobs(account, JobType.SCHEDULED, JobStatus.COMPLETED) == 2
    account.assert_true()


def test_what_is_asked_for_goes_on_and_its_confirming_pass_waits(account: Account) -> None:
    spend(account, 150)
    account.data.update("deals", account.deal(1), {"dealname": "Renamed"})
    account.run(JobType.INCREMENTAL)
    account.assert_true()
    account.clock.tick(3600)
    account.sync.runner.run_due_jobs()
    assert jobs(account, JobType.CONFIRM, JobStatus.QUEUED) == 1

    leave(account, 9_999)
    account.run(JobType.DEAL, deal="1001")
    account.sync.runner.run_due_jobs()
    assert jobs(account, JobType.CONFIRM, JobStatus.COMPLETED) == 1


def test_a_process_that_knows_nothing_finds_out_and_gives_its_job_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("job_lease", "job_runner"):
        monkeypatch.setattr(f"dealcache.sync.{place}.RENEW_SECONDS", 0.02)
    leave(account, 50)
    account.hubspot.latency = 0.1
    assert not daily_calls(account).scarce
    account.sync.runner.run_due_jobs()
    assert daily_calls(account).scarce
    assert jobs(account, JobType.SCHEDULED, JobStatus.QUEUED) == 1
    _, (job, *_) = account.storage.sync_jobs.list(JobStatus.QUEUED, 1)
    assert job.message == "waits for HubSpot to allow calls again"


def test_the_metric_shows_what_is_left(account: Account) -> None:
    spend(account, 9_000)
    left = daily_calls(account).left
    assert left is not None
    assert 8_900 < left < 9_000
    account.service.parts.status_monitor.renew()
    metrics = account.service.get("/metrics").text
    assert f"dealcache_hubspot_daily_calls_left {left}.0" in metrics
    assert f"dealcache_hubspot_daily_calls_limit {daily_calls(account).limit}.0" in metrics
