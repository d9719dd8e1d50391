"""Leases of sync jobs: at most one job runs, and a process that dies loses it when its lease expires.

A running job belongs to its ``owner`` until another process takes it over, even past ``lease_expires_at``, from which
time on others may. Every write of the owner has the condition that it still owns the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from dealcache.model.jobs import CancelReason, Job, JobStatus, JobType, Progress, SyncRequest
from dealcache.repositories.connection import Repository
from dealcache.repositories.documents import Document, milliseconds, utc
from dealcache.repositories.record_documents import read_all

RUNNING = str(JobStatus.RUNNING)
QUEUED = str(JobStatus.QUEUED)

#: The message of a job that was cancelled while no process was running it.
UNATTENDED = "cancelled while nobody was running it"

_OLDEST_FIRST = [("created_at", 1), ("_id", 1)]


_DATES = ("created_at", "due_at", "started_at", "finished_at", "since", "lease_expires_at")
_AS_THEY_ARE = ("message", "error", "cancel_requested", "attempts", "checkpoint", "owner")
_PROGRESS_FIELDS = frozenset(field.name for field in fields(Progress))

#: Only jobs that have not ended have these fields.
_UNTIL_THE_END = ("active_identity", "checkpoint", "owner", "lease_expires_at", "reserved_for", "reserved_until")


class JobLeases(Repository):
    """Claims, renews and releases jobs."""

    def claim(
        self,
        owner: str,
        now: datetime,
        lease: timedelta,
        only: str | None = None,
        without: Sequence[JobType] = (),
    ) -> Job | None:
        """Claim a job: an abandoned one, or else the oldest that is due, unless one is running; None if there is none.

        An abandoned job that must be cancelled ends here.

        Args:
            owner: the name of the process among all that share the database.
            now: the present.
            lease: how long it owns the job without renewing the lease.
            only: the id of the only job wanted; None for any.
            without: types of jobs that stay in the queue.
        """
        moment = milliseconds(now)
        wanted = {} if only is None else {"_id": only}
        # One that lasts longer than any lease was written by a wrong clock.
        over = [{"lease_expires_at": {"$lte": moment}}, {"lease_expires_at": {"$gt": moment + 2 * lease}}]
        abandoned: Document = {"status": RUNNING, "$or": over}
        with self._connection.operation() as database:
            jobs = database.sync_jobs
            jobs.update_one(abandoned | {"cancel_requested": True}, ending(JobStatus.CANCELLED, now, UNATTENDED))
            due = _due(owner, moment) | {"request.type": {"$nin": [str(one) for one in without]}}
            for condition in (abandoned, due):
                document = _claim(jobs, wanted | condition, owner, moment, moment + lease)
                if document is not None:
                    return read_job(document)
        return None

    def renew(
        self, job_id: str, owner: str, now: datetime, lease: timedelta, progress: Progress
    ) -> CancelReason | None:
        """Renew the lease and save the progress; return why the job must stop, None if it must not."""
        change = {"lease_expires_at": milliseconds(now) + lease, "progress": asdict(progress)}
        with self._connection.operation() as database:
            document = database.sync_jobs.find_one_and_update(
                _held(job_id, owner), {"$set": change}, {"cancel_requested": 1}, return_document=ReturnDocument.AFTER
            )
        if document is None:
            return CancelReason.LOST
        return CancelReason.CANCELLED if document.get("cancel_requested") else None

    def save_checkpoint(
        self, job_id: str, owner: str, checkpoint: dict[str, Any], progress: Progress, since: datetime | None = None
    ) -> bool:
        """Save the position to resume at after a crash; return False if another process owns the job now.

        Args:
            job_id: the job.
            owner: the process that runs it.
            checkpoint: JSON values and dates; replaces the previous one.
            progress: the job's progress.
            since: the moment from which it looks for changes; None to leave it unchanged.
        """
        change: Document = {"checkpoint": checkpoint, "progress": asdict(progress)}
        if since is not None:
            change["since"] = milliseconds(since)
        return self._updated(_held(job_id, owner), {"$set": change})

    def finish(
        self,
        job_id: str,
        owner: str,
        status: JobStatus,
        now: datetime,
        message: str,
        error: str | None,
        progress: Progress,
    ) -> bool:
        """End the job; return False if another process owns it now.

        Args:
            job_id: the job.
            owner: the process that ran it.
            status: one of ``FINAL``.
            now: the present.
            message: the outcome in a sentence.
            error: why it failed, None if it did not.
            progress: its final progress.
        """
        change = ending(status, now, message, error)
        change["$set"]["progress"] = asdict(progress)
        return self._updated(_held(job_id, owner), change)

    def release(self, job_id: str, owner: str, now: datetime, message: str, progress: Progress) -> bool:
        """Put the job back into the queue with its checkpoint, so that any process may resume it at once.

        A job that must be cancelled ends instead.

        Returns:
            False if another process owns the job now; nothing is written then.
        """
        waiting = {"status": QUEUED, "due_at": milliseconds(now), "message": message, "progress": asdict(progress)}
        change = {"$set": waiting, "$unset": dict.fromkeys(("owner", "lease_expires_at"), "")}
        if self._updated(_held(job_id, owner) | {"cancel_requested": {"$ne": True}}, change):
            return True
        return self.finish(job_id, owner, JobStatus.CANCELLED, now, message, None, progress)

    def reserve(self, job_id: str, owner: str, until: datetime) -> None:
        """Reserve a queued job for ``owner``, unless it is reserved for another process."""
        free = {"_id": job_id, "status": QUEUED, "reserved_for": {"$in": [None, owner]}}
        self._updated(free, {"$set": {"reserved_for": owner, "reserved_until": milliseconds(until)}})

    def _updated(self, condition: Document, change: Document) -> bool:
        with self._connection.operation() as database:
            return database.sync_jobs.update_one(condition, change).matched_count == 1


def _held(job_id: str, owner: str) -> Document:
    return {"_id": job_id, "status": RUNNING, "owner": owner}


def _due(owner: str, now: datetime) -> Document:
    not_for_others = [{"reserved_for": owner}, {"reserved_until": {"$not": {"$gt": now}}}]
    return {"status": QUEUED, "due_at": {"$lte": now}, "$or": not_for_others}


def _claim(
    jobs: Collection[Document], condition: Document, owner: str, now: datetime, lease_expires_at: datetime
) -> Document | None:
    """Make ``owner`` the owner of the oldest job that meets ``condition``; None if there is none, or one runs."""
    taken = {
        "status": RUNNING,
        "owner": {"$literal": owner},
        "lease_expires_at": lease_expires_at,
        "started_at": {"$ifNull": ["$started_at", now]},
        "attempts": {"$add": ["$attempts", 1]},
    }
    change: list[Document] = [{"$set": taken}, {"$unset": ["reserved_for", "reserved_until"]}]
    try:
        return jobs.find_one_and_update(condition, change, sort=_OLDEST_FIRST, return_document=ReturnDocument.AFTER)
    except DuplicateKeyError:
        return None  # the index lets only one job be running


def read_job(document: Document) -> Job:
    """Return a document of ``sync_jobs`` as a value; raise StoreError if this service has not written it."""
    return read_all("sync_jobs", _to_job, [document])[0]


def _to_job(document: Mapping[str, Any]) -> Job:
    values: dict[str, Any] = {name: utc(document[name]) for name in _DATES if name in document}
    values |= {name: document[name] for name in _AS_THEY_ARE if name in document}
    # Another release may have other counts.
    progress = {name: value for name, value in document["progress"].items() if name in _PROGRESS_FIELDS}
    progress["warnings"] = tuple(progress.get("warnings", ()))
    return Job(
        job_id=document["_id"],
        request=SyncRequest.from_parameters(document["request"]),
        status=JobStatus(document["status"]),
        progress=Progress(**progress),
        **values,
    )


def ending(status: JobStatus, now: datetime, message: str, error: str | None = None) -> Document:
    """Return the update that ends a job and starts its time to live."""
    outcome = {"status": str(status), "finished_at": milliseconds(now), "message": message, "error": error}
    return {"$set": outcome, "$unset": dict.fromkeys(_UNTIL_THE_END, "")}
