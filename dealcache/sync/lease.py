"""Keeps a job's lease while it runs, shows its progress, and hears that it is to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from dealcache.jobs import Job
from dealcache.repositories import LeaseState, StoreError, SyncJobRepository
from dealcache.sync.desk import utc_now
from dealcache.sync.ledger import Ledger
from dealcache.sync.stop import Reason, StoppedError, StopSign

log = logging.getLogger(__name__)

#: For how long a job belongs to its process after the last sign of life; then another one takes it up.
LEASE = timedelta(seconds=20)

#: Seconds between two signs of life, and so until a cancelled job hears of it.
RENEW_SECONDS = 1.0


class HeldJob:
    """A job that this process runs; a context manager that keeps it while it is entered. Also its checkpoints.

    Args:
        jobs: where jobs stand.
        job: the job.
        owner: who runs it.
        ledger: how far it is.
        stop: is set when the job is cancelled or lost.
        now: the wall clock, aware, in UTC.
        renew_seconds: between two signs of life.
    """

    def __init__(
        self,
        jobs: SyncJobRepository,
        job: Job,
        owner: str,
        ledger: Ledger,
        stop: StopSign,
        now: Callable[[], datetime] = utc_now,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._jobs = jobs
        self._job_id = job.job_id
        self._checkpoint = job.checkpoint
        self._owner = owner
        self._ledger = ledger
        self._stop = stop
        self._now = now
        self._renew_seconds = renew_seconds
        self._failing = False
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="sync-lease", daemon=True)

    def __enter__(self) -> HeldJob:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def load(self) -> dict[str, Any]:
        """What was noted last."""
        return dict(self._checkpoint)

    def save(self, checkpoint: dict[str, Any], since: datetime | None = None) -> None:
        """Note how far the job is; see :class:`dealcache.sync.desk.Checkpoints`."""
        self._checkpoint = dict(checkpoint)
        if not self._jobs.save_checkpoint(self._job_id, self._owner, checkpoint, self._ledger.progress(), since):
            self._stop.set(Reason.LOST)
            raise StoppedError(str(Reason.LOST))

    def renew(self) -> None:
        """Give one sign of life."""
        try:
            state = self._jobs.renew(self._job_id, self._owner, self._now(), LEASE, self._ledger.progress())
        except StoreError as error:
            # Nobody else can take the job while MongoDB is away; the job itself will notice too.
            if not self._failing:
                log.warning("the lease of sync job %s could not be renewed: %s", self._job_id, error)
            self._failing = True
            return
        self._failing = False
        if state is LeaseState.LOST:
            self._stop.set(Reason.LOST)
        elif state is LeaseState.CANCEL:
            self._stop.set(Reason.CANCELLED)

    def _keep(self) -> None:
        while not self._left.wait(self._renew_seconds):
            self.renew()
