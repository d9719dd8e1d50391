"""The collection ``sync_jobs``: one document per job, from its request until a month after its end."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime
from enum import Enum

from pymongo.errors import DuplicateKeyError

from dealcache.model.jobs import Job, JobStatus, Progress, SyncRequest
from dealcache.repositories.connection import StoreError
from dealcache.repositories.documents import Document, milliseconds
from dealcache.repositories.sync.job_leases import QUEUED, RUNNING, UNATTENDED, JobLeases, ending, read_job

_ATTEMPTS = 10  # each is lost only when a job changes its state between two operations
_NEWEST_FIRST = [("created_at", -1), ("_id", 1)]

Jobs = list[Job]


class Cancellation(Enum):
    """The outcome of cancelling a job."""

    UNKNOWN = "unknown"
    """There is no such job."""

    REFUSED = "refused"
    """It has already ended."""

    CANCELLED = "cancelled"
    """It will not run."""

    REQUESTED = "requested"
    """Its owner learns of it when it renews its lease."""


class SyncJobRepository(JobLeases):
    """The jobs, and by :class:`.JobLeases` their owners."""

    def add(
        self,
        request: SyncRequest,
        now: datetime,
        due_at: datetime | None = None,
        reserved_for: str | None = None,
        reserved_until: datetime | None = None,
    ) -> tuple[Job, bool]:
        """Queue a job, unless one for the same request is queued or running.

        Args:
            request: what to sync.
            now: the present.
            due_at: when it may begin; None for at once.
            reserved_for: the only owner that may claim it until ``reserved_until``.
            reserved_until: when the reservation ends.

        Returns:
            The job, and whether it is new.
        """
        document: Document = {
            "_id": uuid.uuid4().hex,
            "request": request.parameters(),
            "active_identity": request.identity,
            "status": QUEUED,
            "created_at": milliseconds(now),
            "due_at": milliseconds(due_at or now),
            "attempts": 0,
            "progress": asdict(Progress()),
        }
        if reserved_for is not None and reserved_until is not None:
            document |= {"reserved_for": reserved_for, "reserved_until": milliseconds(reserved_until)}
        with self._connection.operation() as database:
            for _ in range(_ATTEMPTS):
                known = database.sync_jobs.find_one({"active_identity": request.identity})
                if known is not None:
                    return read_job(known), False
                try:
                    database.sync_jobs.insert_one(document)
                except DuplicateKeyError:
                    continue  # another process has just asked for the same
                return read_job(document), True
        raise _restless("a sync job")

    def cancel(self, job_id: str, now: datetime) -> Cancellation:
        """Cancel a job: at once if no process runs it, else as soon as its owner learns of it."""
        unattended = [{"status": QUEUED}, {"status": RUNNING, "lease_expires_at": {"$lte": milliseconds(now)}}]
        at_once = ending(JobStatus.CANCELLED, now, UNATTENDED)
        for _ in range(_ATTEMPTS):
            if self._updated({"_id": job_id, "$or": unattended}, at_once):
                return Cancellation.CANCELLED
            if self._updated({"_id": job_id, "status": RUNNING}, {"$set": {"cancel_requested": True}}):
                return Cancellation.REQUESTED
            job = self.get(job_id)
            if job is None:
                return Cancellation.UNKNOWN
            if job.finished_at is not None:
                return Cancellation.REFUSED
        raise _restless(f"sync job {job_id}")

    def defer(self, job_id: str, due_at: datetime) -> None:
        """Let a queued job begin no earlier than ``due_at``; a running or ended one is not changed."""
        self._updated({"_id": job_id, "status": QUEUED}, {"$max": {"due_at": milliseconds(due_at)}})

    def abandoned(self, since: datetime) -> str | None:
        """Return the id of the running job whose lease ran out before ``since``."""
        condition = {"status": RUNNING, "lease_expires_at": {"$lte": milliseconds(since)}}
        with self._connection.operation() as database:
            document = database.sync_jobs.find_one(condition, {"_id": 1})
        return None if document is None else str(document["_id"])

    def get(self, job_id: str) -> Job | None:
        """Return the job with that id, or None."""
        with self._connection.operation() as database:
            document = database.sync_jobs.find_one({"_id": job_id})
        return None if document is None else read_job(document)

    def list(self, status: JobStatus | None, limit: int) -> tuple[int, Jobs]:
        """Return jobs, newest first.

        Args:
            status: only jobs with this status; None for all.
            limit: the most jobs, above zero.

        Returns:
            Their total number, and the newest of them.
        """
        condition = {} if status is None else {"status": str(status)}
        with self._connection.operation() as database:
            total = database.sync_jobs.count_documents(condition)
            documents = database.sync_jobs.find(condition, sort=_NEWEST_FIRST, limit=limit).to_list()
        return total, [read_job(document) for document in documents]


def _restless(what: str) -> StoreError:
    return StoreError(f"{what} kept changing its state while it was being written")
