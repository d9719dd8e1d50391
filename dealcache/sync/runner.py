"""Runs jobs, one at a time for the account, in a thread of this process.

Every process has a runner; MongoDB decides which of them has the job. A runner that dies leaves its job to the others,
which take it up at its checkpoint once its lease is over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from dealcache.jobs import FINAL, Job, JobStatus, JobType, SyncRequest
from dealcache.repositories import StoreError, SyncJobRepository, SyncStateRepository
from dealcache.sync.desk import utc_now
from dealcache.sync.execution import Execution
from dealcache.sync.lease import LEASE, HeldJob
from dealcache.sync.ledger import Ledger
from dealcache.sync.setbacks import SETBACKS, pause_after
from dealcache.sync.sink import ChangeSink
from dealcache.sync.stop import Reason, StoppedError, StopSign

log = logging.getLogger(__name__)

#: Seconds between two looks for a job; one that this process was asked for is found at once.
_POLL_SECONDS = 2.0

#: How long a job without an owner is left to the services before a command takes it up.
_LEFT_TO_SERVICES = timedelta(seconds=10)

#: Seconds that a process which ends waits for its job to be given back.
_STOP_SECONDS = 5.0


class Runner:
    """Takes up jobs and does them.

    Args:
        jobs: where jobs stand.
        state: knows when the next sync by itself is due.
        execution: does them.
        sink: is told which deals changed.
        owner: names this process among all that share the database.
        interval: between two syncs by themselves; zero for none.
        now: the wall clock, aware, in UTC.
        on_end: is told type and status of each job that came to its end here.
    """

    def __init__(
        self,
        jobs: SyncJobRepository,
        state: SyncStateRepository,
        execution: Execution,
        sink: ChangeSink,
        owner: str,
        interval: timedelta = timedelta(),
        now: Callable[[], datetime] = utc_now,
        on_end: Callable[[str, str], None] = lambda _type, _status: None,
    ) -> None:
        self._jobs = jobs
        self._state = state
        self._execution = execution
        self._sink = sink
        self._owner = owner
        self._interval = interval
        self._now = now
        self._on_end = on_end
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._stop_sign: StopSign | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look for jobs, in a thread that does not keep the process alive. Called after the fork."""
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give back the job that is running, so that another process goes on with it at once, and end."""
        self._stopping.set()
        self._wake.set()
        sign = self._stop_sign
        if sign is not None:
            sign.set(Reason.SHUTDOWN)
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def wake(self) -> None:
        """Look for a job now: one has just been added."""
        self._wake.set()

    def work_on(self, job_id: str) -> None:
        """Do one job in this thread, when its turn has come; return when it has ended, or after :meth:`stop`.

        A job that was left half done has its turn before, if nobody else takes it up.

        Raises:
            StoreError: MongoDB failed while the job was waiting.
        """
        while not self._stopping.is_set():
            self._jobs.reserve(job_id, self._owner, self._now() + LEASE)
            # Another one that was left half done keeps this one waiting: with no service to take it up, we do.
            wanted = self._jobs.abandoned(self._now() - _LEFT_TO_SERVICES) or job_id
            claimed = self._jobs.claim(self._owner, self._now(), LEASE, only=wanted)
            if claimed is not None:
                self._do(claimed)
            found = self._jobs.get(job_id)
            if found is None or found.status in FINAL:
                return
            self._stopping.wait(_POLL_SECONDS / 4)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._round()
            except StoreError as error:
                log.warning("sync jobs cannot be looked for: %s", error)
            except Exception:
                log.exception("looking for sync jobs failed")
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()

    def _round(self) -> None:
        if self._interval and self._state.take_turn(self._now(), self._interval):
            self._jobs.add(SyncRequest(JobType.SCHEDULED), self._now())
        while not self._stopping.is_set():
            job = self._jobs.claim(self._owner, self._now(), LEASE)
            if job is None:
                return
            self._do(job)

    def _do(self, job: Job) -> None:
        log.info("sync job %s (%s) begins, attempt %d", job.job_id, job.request.type, job.attempts)
        if job.attempts > 1:
            self._sink.doubt()  # who had it before may have died between a write and telling of it
        stop, ledger = StopSign(), Ledger(job.progress, self._sink.changed)
        self._stop_sign = stop
        if self._stopping.is_set():
            stop.set(Reason.SHUTDOWN)
        with HeldJob(self._jobs, job, self._owner, ledger, stop, self._now) as held:
            try:
                status, message, error = self._outcome(job, held, ledger, stop)
            finally:
                self._stop_sign = None
        self._note_end(job, ledger, stop, status, message, error)

    def _outcome(self, job: Job, held: HeldJob, ledger: Ledger, stop: StopSign) -> tuple[JobStatus, str, str | None]:
        """Do the job until it ends: how, with which message, and with which error."""
        try:
            return JobStatus.COMPLETED, self._done(job, held, ledger, stop), None
        except StoppedError:
            return JobStatus.CANCELLED, "stopped before its end; what was stored stays", None
        except SETBACKS as failure:
            return JobStatus.FAILED, "what was stored stays, nothing was removed", str(failure)
        except Exception as failure:
            log.exception("sync job %s failed", job.job_id)
            return JobStatus.FAILED, "a fault of this program", f"internal error ({type(failure).__name__})"

    def _done(self, job: Job, held: HeldJob, ledger: Ledger, stop: StopSign) -> str:
        """Do the job, going on at its checkpoint after failures that pass; its closing message."""
        in_a_row, checkpoint = 0, held.load()
        while True:
            try:
                return self._execution.run(job, held, ledger, stop)
            except SETBACKS as failure:
                if isinstance(failure, StoreError):
                    self._sink.doubt()
                stop.check()
                in_a_row = 1 if held.load() != checkpoint else in_a_row + 1
                checkpoint = held.load()
                pause = pause_after(failure, in_a_row)
                if pause is None:
                    raise
                log.warning("sync job %s goes on in %g s: %s", job.job_id, pause, failure)
                ledger.phase(f"waiting after a failure: {failure}"[:200])
                stop.wait(pause)

    def _note_end(
        self, job: Job, ledger: Ledger, stop: StopSign, status: JobStatus, message: str, error: str | None
    ) -> None:
        if stop.reason is Reason.LOST:
            log.warning("sync job %s was taken over by another process", job.job_id)
            return
        progress, now = ledger.progress(), self._now()
        try:
            self._sink.settle()
            if stop.reason is Reason.SHUTDOWN and status is JobStatus.CANCELLED:
                self._jobs.release(job.job_id, self._owner, now, "waits for a process to go on with it", progress)
            else:
                progress.phase = "done" if status is JobStatus.COMPLETED else str(status)
                self._jobs.finish(job.job_id, self._owner, status, now, message, error, progress)
                self._on_end(job.request.type, status)
        except StoreError as failure:
            # Its lease runs out, and it is done again from its last checkpoint, which changes nothing.
            log.warning("the end of sync job %s could not be noted: %s", job.job_id, failure)
            return
        log.info("sync job %s (%s) is %s: %s", job.job_id, job.request.type, status, error or message)
