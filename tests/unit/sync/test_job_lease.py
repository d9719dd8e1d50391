"""The checkpoint that a job's lease keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dealcache.model.jobs import CancelReason, Job, JobStatus, JobType, SyncRequest
from dealcache.sync.cancellation import StoppedError
from dealcache.sync.job_lease import JobLease

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Jobs:
    """Keeps the checkpoints of a job, as long as it is this process's."""

    def __init__(self) -> None:
        self.saved: list[tuple[dict[str, Any], datetime | None]] = []
        self.is_own = True

    def save_checkpoint(
        self, _job_id: str, _owner: str, checkpoint: dict[str, Any], _progress: object, since: datetime | None
    ) -> bool:
        self.saved.append((checkpoint, since))
        return self.is_own


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def lease(jobs: Jobs) -> JobLease:
    job = Job("1", SyncRequest(JobType.INCREMENTAL), JobStatus.RUNNING, NOW, NOW, checkpoint={"full": False})
    return JobLease(jobs, job, "ada", lambda _changes: None, lambda: NOW, lambda: True)  # type: ignore[arg-type]


def test_what_is_noted_replaces_single_values_and_leaves_earlier_checkpoints_as_they_were(jobs, lease):
    lease.note({"last": {"deals": "5"}, "done": []}, since=NOW)
    before = lease.checkpoint
    lease.note({"last": {"deals": "7"}})
    assert lease.checkpoint == {"full": False, "last": {"deals": "7"}, "done": []}
    assert before == {"full": False, "last": {"deals": "5"}, "done": []}
    assert jobs.saved == [(before, NOW), (lease.checkpoint, None)]


def test_a_job_that_another_process_has_is_stopped(jobs, lease):
    jobs.is_own = False
    with pytest.raises(StoppedError):
        lease.note({"after": "7"})
    assert lease.token.reason is CancelReason.LOST
