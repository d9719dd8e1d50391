"""The lease of the job that this process runs: a thread renews it, saves progress and notices cancellation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from dealcache.background import BackgroundThread
from dealcache.model.invalidation import Changes
from dealcache.model.jobs import CancelReason, Job
from dealcache.repositories import StoreError, SyncJobRepository
from dealcache.sync.cancellation import CancellationToken, StoppedError
from dealcache.sync.job_progress import JobProgress

#: How long a job belongs to its process after the last renewal; then another process takes it over.
LEASE = timedelta(seconds=20)

#: Seconds between two renewals, and so the longest time until a running job notices that it is cancelled.
RENEW_SECONDS = 1.0


class JobLease:
    """Renews the lease while ``thread`` runs, and keeps the job's checkpoint.

    Args:
        jobs: all jobs.
        job: the job.
        owner: names this process.
        on_changes: called with deals that the job has changed.
        now: the wall clock, aware, in UTC.
        has_calls: returns whether HubSpot has calls left for this job.

    Attributes:
        job: the job as it was claimed.
        progress: what it has done; saved with each renewal.
        token: cancelled when the job is, or when another process owns it.
        checkpoint: where the job resumes after a crash or a failure, empty at the first start; see :meth:`note`.
    """

    def __init__(
        self,
        jobs: SyncJobRepository,
        job: Job,
        owner: str,
        on_changes: Callable[[Changes], None],
        now: Callable[[], datetime],
        has_calls: Callable[[], bool],
    ) -> None:
        self.job = job
        self.progress = JobProgress(job.progress, on_changes)
        self.token = CancellationToken()
        self.checkpoint: Mapping[str, Any] = job.checkpoint
        self._jobs = jobs
        self._owner = owner
        self._now = now
        self._has_calls = has_calls
        self.thread = BackgroundThread(
            f"the lease of sync job {job.job_id}", self.renew, RENEW_SECONDS, expected=(StoreError,)
        )

    def note(self, values: Mapping[str, Any], since: datetime | None = None) -> None:
        """Replace values of the checkpoint and save it, with the moment from which the job looks for changes, if given.

        Raises:
            StoppedError: another process owns the job now.
            StoreError: MongoDB failed.
        """
        self.checkpoint = noted = {**self.checkpoint, **values}
        if not self._jobs.save_checkpoint(self.job.job_id, self._owner, noted, self.progress.snapshot(), since):
            self.token.cancel(CancelReason.LOST)
            raise StoppedError(str(CancelReason.LOST))

    def renew(self) -> None:
        """Renew the lease, and cancel the job if that was asked for or the lease is lost.

        Raises:
            StoreError: MongoDB failed. Meanwhile no other process can take the job, and the job will notice the failure
                too.
        """
        if not self._has_calls():
            self.token.cancel(CancelReason.NO_CALLS)
        reason = self._jobs.renew(self.job.job_id, self._owner, self._now(), LEASE, self.progress.snapshot())
        if reason is not None:
            self.token.cancel(reason)
