"""The lease of the job that this process runs: a thread renews it, saves progress and notices cancellation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from dealcache.background import BackgroundThread
from dealcache.model.invalidation import Changes
from dealcache.model.jobs import Job
from dealcache.repositories import LeaseState, StoreError, SyncJobRepository
from dealcache.sync.cancellation import CancellationToken, CancelReason, StoppedError
from dealcache.sync.job_progress import JobProgress

#: How long a job belongs to its process after the last renewal; then another process takes it over.
LEASE = timedelta(seconds=20)

#: Seconds between two renewals, and so the longest time until a running job notices that it is cancelled.
RENEW_SECONDS = 1.0

#: Seconds that the end of a job waits for a renewal in progress.
_STOP_SECONDS = 5.0


class JobLease:
    """A context manager that renews the lease while it is entered. It also keeps the job's checkpoint.

    Args:
        jobs: all jobs.
        job: the job.
        owner: names this process.
        on_changes: called with deals that the job has changed.
        now: the wall clock, aware, in UTC.
        has_calls: returns whether HubSpot has calls left for this job.
        renew_seconds: between two renewals.

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
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self.job = job
        self.progress = JobProgress(job.progress, on_changes)
        self.token = CancellationToken()
        self.checkpoint: Mapping[str, Any] = job.checkpoint
        self._jobs = jobs
        self._owner = owner
        self._now = now
        self._renew_seconds = renew_seconds
        self._has_calls = has_calls
        self._thread = BackgroundThread(
            f"the lease of sync job {job.job_id}", self.renew, renew_seconds, expected=(StoreError,)
        )

    def __enter__(self) -> JobLease:
        self._thread.start(self._renew_seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.stop(_STOP_SECONDS)

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
        state = self._jobs.renew(self.job.job_id, self._owner, self._now(), LEASE, self.progress.snapshot())
        if state is LeaseState.LOST:
            self.token.cancel(CancelReason.LOST)
        elif state is LeaseState.CANCEL:
            self.token.cancel(CancelReason.CANCELLED)
