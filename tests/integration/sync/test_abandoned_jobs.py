"""A job in the foreground does not wait for ever behind one whose process died."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dealcache.jobs import JobStatus, JobType
from tests.integration.sync.harness import Account


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
