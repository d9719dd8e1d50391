"""A job in the foreground does not wait for ever behind one whose process died."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dealcache.model.jobs import JobStatus, JobType
from tests.integration.sync.harness import Account


def test_a_lease_that_a_wrong_clock_gave_is_over(account: Account) -> None:
    job_id = account.ask(JobType.FULL)
    now, lease = datetime.fromtimestamp(account.clock(), UTC), timedelta(seconds=20)
    assert account.storage.sync_jobs.claim("a process a day ahead", now + timedelta(days=1), lease) is not None
    assert account.claim() is not None
    account.service.database.sync_jobs.update_one({"_id": job_id}, {"$set": {"lease_expires_at": now + lease}})
    assert account.claim() is None  # one that is right holds


def test_a_command_finishes_what_a_dead_process_left_half_done(account: Account) -> None:
    left = account.ask(JobType.FULL)
    now = datetime.fromtimestamp(account.clock(), UTC)
    claimed = account.storage.sync_jobs.claim("a process that dies", now, timedelta(seconds=20))
    assert claimed is not None
    account.clock.tick(31)

    wanted = account.run(JobType.INCREMENTAL)

    assert account.job(left).status is JobStatus.COMPLETED
    assert account.job(left).attempts == 2
    assert wanted.finished_at is not None
