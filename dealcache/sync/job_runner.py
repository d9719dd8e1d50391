"""Runs sync jobs, one at a time for the account, in a thread of this process.

Every process has a runner; MongoDB decides which of them gets the job. When its process dies, another one resumes the
job at its checkpoint once the lease has run out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from dealcache.background import BackgroundThread
from dealcache.hubspot.errors import WrongAccount
from dealcache.model.jobs import BY_THEMSELVES, FINAL, CancelReason, Job, JobStatus, JobType, SyncRequest
from dealcache.repositories import StoreError, SyncJobRepository, SyncStateRepository
from dealcache.sync.cancellation import CancellationToken, StoppedError
from dealcache.sync.context import ChangePublisher
from dealcache.sync.job_executor import JobExecutor
from dealcache.sync.job_lease import LEASE, RENEW_SECONDS, JobLease
from dealcache.sync.refused_types import TypesRefusedError
from dealcache.sync.retry_policy import EXPECTED_FAILURES, retry_delay

log = logging.getLogger(__name__)

#: Seconds between two polls for a job; a job requested from this process is found at once.
_POLL_SECONDS = 2.0

#: How long a job without an owner is left to service processes before a command takes it over.
_LEFT_TO_SERVICES = timedelta(seconds=10)

#: Seconds that a stopping process waits for its job to be released, and the end of a job for a renewal in progress.
_STOP_SECONDS = 5.0

#: What a released job waits for, by the reason of its release.
_WAITS_FOR = {
    CancelReason.SHUTDOWN: "a process to continue it",
    CancelReason.UNFIT: "a process to continue it",
    CancelReason.NO_CALLS: "HubSpot to allow calls again",
}


class JobRunner:
    """Claims jobs and runs them.

    Args:
        jobs: all jobs.
        state: tells when the next automatic sync is due.
        executor: executes a job.
        publisher: announces which deals changed.
        owner: the name of this process among all that share the database.
        interval: between two automatic syncs; zero for none.
        now: the wall clock, aware, in UTC.
        on_end: called with the type and status of each job that ended here.
        may_work: returns whether this process may claim jobs; others may.
        has_calls: returns whether HubSpot has calls left for automatic jobs.
    """

    def __init__(
        self,
        jobs: SyncJobRepository,
        state: SyncStateRepository,
        executor: JobExecutor,
        publisher: ChangePublisher,
        owner: str,
        interval: timedelta,
        now: Callable[[], datetime],
        on_end: Callable[[str, str], None],
        may_work: Callable[[], bool],
        has_calls: Callable[[], bool],
    ) -> None:
        self._jobs = jobs
        self._state = state
        self._executor = executor
        self._publisher = publisher
        self._owner = owner
        self._interval = interval
        self._now = now
        self._on_end = on_end
        self._may_work = may_work
        self._has_calls = has_calls
        self._stopping = threading.Event()
        self._running: CancellationToken | None = None
        self._thread = BackgroundThread(
            "polling for sync jobs", self.run_due_jobs, _POLL_SECONDS, expected=(StoreError,)
        )

    def start(self) -> None:
        """Start polling, in a thread that does not keep the process alive. Called after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Release the running job, so that another process resumes it at once, and end."""
        self._stopping.set()
        running = self._running
        if running is not None:
            running.cancel(CancelReason.SHUTDOWN)
        self._thread.stop(_STOP_SECONDS)

    def wake(self) -> None:
        """Poll now: a job has just been added."""
        self._thread.wake()

    def run_job(self, job_id: str) -> None:
        """Run one job in this thread when its turn comes; return when it has ended, or after :meth:`stop`.

        An abandoned job is run before it, unless a service process resumes that one.

        Raises:
            StoreError: MongoDB failed while the job was waiting.
        """
        while not self._stopping.is_set():
            self._jobs.reserve(job_id, self._owner, self._now() + LEASE)
            # An abandoned job holds this one up: without a service to resume it, this command does.
            wanted = self._jobs.abandoned(self._now() - _LEFT_TO_SERVICES) or job_id
            claimed = self._jobs.claim(self._owner, self._now(), LEASE, only=wanted)
            if claimed is not None:
                self._run(claimed)
            found = self._jobs.get(job_id)
            if found is None or found.status in FINAL or not self._may_work():
                return
            self._stopping.wait(_POLL_SECONDS / 4)

    def run_due_jobs(self) -> None:
        """Queue the automatic sync if it is due, and run jobs until no more is due."""
        if not self._may_work():
            return
        if self._interval and self._has_calls() and self._state.claim_turn(self._now(), self._interval):
            self._jobs.add(SyncRequest(JobType.SCHEDULED), self._now())
        while self._may_work() and not self._stopping.is_set():
            without = () if self._has_calls() else BY_THEMSELVES
            job = self._jobs.claim(self._owner, self._now(), LEASE, without=without)
            if job is None:
                return
            self._run(job)

    def _run(self, job: Job) -> None:
        log.info("sync job %s (%s) starts, attempt %d", job.job_id, job.request.type, job.attempts)
        if job.attempts > 1:
            self._publisher.doubt()  # its last owner may have died between a write and publishing it
        has_calls = self._has_calls if job.request.type in BY_THEMSELVES else lambda: True
        lease = JobLease(self._jobs, job, self._owner, self._publisher.changed, self._now, has_calls)
        self._running = token = lease.token
        if self._stopping.is_set():
            token.cancel(CancelReason.SHUTDOWN)
        if not has_calls():
            token.cancel(CancelReason.NO_CALLS)
        lease.thread.start(RENEW_SECONDS)
        try:
            status, message, error = self._run_to_end(lease)
        finally:
            self._running = None
            lease.thread.stop(_STOP_SECONDS)
        if token.reason is CancelReason.LOST:
            log.warning("sync job %s was taken over by another process", job.job_id)
            return
        try:
            self._publisher.settle()
            self._save_end(lease, status, message, error)
        except StoreError as failure:
            # Its lease will run out, and the job is run again from its last checkpoint, which changes nothing.
            log.warning("the end of sync job %s could not be saved: %s", job.job_id, failure)
            return
        log.info("sync job %s (%s) is %s: %s", job.job_id, job.request.type, status, error or message)

    def _run_to_end(self, lease: JobLease) -> tuple[JobStatus, str, str | None]:
        """Execute the job to its end; return its status, message and error."""
        try:
            return JobStatus.COMPLETED, self._execute(lease), None
        except StoppedError:
            return JobStatus.CANCELLED, "stopped before its end; what was stored stays", None
        except WrongAccount as failure:
            lease.token.cancel(CancelReason.UNFIT)
            return JobStatus.CANCELLED, "left to a process with the right token", str(failure)
        except TypesRefusedError as failure:
            return JobStatus.FAILED, "all else is done; the next sync goes on with what is missing", str(failure)
        except EXPECTED_FAILURES as failure:
            return JobStatus.FAILED, "what was stored stays, nothing was removed", str(failure)
        except Exception as failure:
            log.exception("sync job %s failed", lease.job.job_id)
            return JobStatus.FAILED, "an error in dealcache", f"internal error ({type(failure).__name__})"

    def _execute(self, lease: JobLease) -> str:
        """Execute the job, resuming at its checkpoint after transient failures; return its closing message."""
        in_a_row, checkpoint = 0, lease.checkpoint
        while True:
            try:
                return self._executor.execute(lease)
            except EXPECTED_FAILURES as failure:
                if isinstance(failure, StoreError):
                    self._publisher.doubt()
                lease.token.check()
                in_a_row = 1 if lease.checkpoint != checkpoint else in_a_row + 1
                checkpoint = lease.checkpoint
                delay = retry_delay(failure, in_a_row)
                if delay is None:
                    raise
                log.warning("sync job %s resumes in %g s: %s", lease.job.job_id, delay, failure)
                lease.progress.phase(f"waiting after a failure: {failure}"[:200])
                lease.token.wait(delay)

    def _save_end(self, lease: JobLease, status: JobStatus, message: str, error: str | None) -> None:
        job, progress, reason = lease.job, lease.progress.snapshot(), lease.token.reason
        if reason in _WAITS_FOR and status is JobStatus.CANCELLED:
            waits = f"waits for {_WAITS_FOR[reason]}"
            self._jobs.release(job.job_id, self._owner, self._now(), waits, progress)
            return
        progress.phase = str(status)
        if status is JobStatus.COMPLETED:
            progress.phase, progress.percent, progress.seconds_left = "done", 100.0, 0.0
        now = self._now()
        if status is JobStatus.COMPLETED:
            # First, so that a reader that finds the job completed finds this too; all of it is done, whichever process
            # owns it now.
            self._state.note_completed(job.request.type, now)
        self._jobs.finish(job.job_id, self._owner, status, now, message, error, progress)
        self._on_end(job.request.type, status)
