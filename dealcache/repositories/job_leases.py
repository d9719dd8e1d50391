"""Who runs a sync job: at most one job runs, and a process that dies loses it when its lease is over.

A job that runs belongs to its ``owner`` for as long as nobody took it away, also past ``lease_expires_at``: from then
on others may take it. Every write of the owner carries the condition that the job is still his.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from dealcache.jobs import Job, JobStatus, Progress
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, milliseconds, read_all
from dealcache.repositories.job_documents import ending, to_job

RUNNING = str(JobStatus.RUNNING)
QUEUED = str(JobStatus.QUEUED)

#: The message of a job that was cancelled while nobody was running it.
UNATTENDED = "cancelled while nobody was running it"

_OLDEST_FIRST = [("created_at", 1), ("_id", 1)]


class LeaseState(Enum):
    """What the owner of a job hears when he gives a sign of life."""

    HELD = "held"
    """The job is still his."""

    LOST = "lost"
    """Somebody else took it, or ended it."""

    CANCEL = "cancel"
    """It is his, and he is to stop it."""


class JobLeases:
    """Takes up jobs, keeps them and gives them back. Every method raises StoreError when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, owner: str, now: datetime, lease: timedelta, only: str | None = None) -> Job | None:
        """Take up a job: one whose owner is gone, else the oldest that is due, unless one is running.

        A job whose owner is gone and that is to be cancelled ends here.

        Args:
            owner: names the one who asks, among all who share the database.
            now: the present.
            lease: how long the job is his without a sign of life.
            only: the id of the job that is wanted; None for any.

        Returns:
            The job, which is running now, or None.
        """
        moment = milliseconds(now)
        wanted = {} if only is None else {"_id": only}
        abandoned: Document = {"status": RUNNING, "lease_expires_at": {"$lte": moment}}
        with self._connection.operation() as database:
            jobs = database.sync_jobs
            jobs.update_one(abandoned | {"cancel_requested": True}, ending(JobStatus.CANCELLED, now, UNATTENDED))
            for condition in (abandoned, _due(owner, moment)):
                document = _take(jobs, wanted | condition, owner, moment, moment + lease)
                if document is not None:
                    return read_all("sync_jobs", to_job, [document])[0]
        return None

    def renew(self, job_id: str, owner: str, now: datetime, lease: timedelta, progress: Progress) -> LeaseState:
        """Give a sign of life and show how far the job is."""
        change = {"lease_expires_at": milliseconds(now) + lease, "progress": asdict(progress)}
        with self._connection.operation() as database:
            document = database.sync_jobs.find_one_and_update(
                _held(job_id, owner), {"$set": change}, {"cancel_requested": 1}, return_document=ReturnDocument.AFTER
            )
        if document is None:
            return LeaseState.LOST
        return LeaseState.CANCEL if document.get("cancel_requested") else LeaseState.HELD

    def save_checkpoint(
        self, job_id: str, owner: str, checkpoint: dict[str, Any], progress: Progress, since: datetime | None = None
    ) -> bool:
        """Note from where the job goes on after a crash.

        Args:
            job_id: the job.
            owner: who runs it.
            checkpoint: JSON values and dates; replaces the one before.
            progress: how far the job is.
            since: from when on it looks for changes; None leaves that as it is.

        Returns:
            False when the job is not his any more; nothing is written then.
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
        """End the job.

        Args:
            job_id: the job.
            owner: who runs it.
            status: how it ended, one of :data:`dealcache.jobs.FINAL`.
            now: the present.
            message: what came of it, for people.
            error: why it failed, None if it did not.
            progress: how far it came.

        Returns:
            False when the job is not his any more; nothing is written then.
        """
        change = ending(status, now, message, error)
        change["$set"]["progress"] = asdict(progress)
        return self._updated(_held(job_id, owner), change)

    def release(self, job_id: str, owner: str, now: datetime, message: str, progress: Progress) -> bool:
        """Put the job back into the queue with its checkpoint, so that anybody may go on with it at once.

        A job that is to be cancelled ends instead.

        Returns:
            False when the job is not his any more; nothing is written then.
        """
        return self.postpone(job_id, owner, now, now, message, progress)

    def postpone(
        self, job_id: str, owner: str, now: datetime, due_at: datetime, message: str, progress: Progress
    ) -> bool:
        """Put the job back into the queue like :meth:`release`, but not to be taken up before ``due_at``."""
        waiting = {"status": QUEUED, "due_at": milliseconds(due_at), "message": message, "progress": asdict(progress)}
        change = {"$set": waiting, "$unset": dict.fromkeys(("owner", "lease_expires_at"), "")}
        if self._updated(_held(job_id, owner) | {"cancel_requested": {"$ne": True}}, change):
            return True
        return self.finish(job_id, owner, JobStatus.CANCELLED, now, message, None, progress)

    def reserve(self, job_id: str, owner: str, until: datetime) -> None:
        """Keep others from taking up a job that waits, unless it is reserved for somebody else already.

        Args:
            job_id: the job.
            owner: for whom.
            until: when the reservation ends.
        """
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


def _take(
    jobs: Collection[Document], condition: Document, owner: str, now: datetime, lease_expires_at: datetime
) -> Document | None:
    """Make the oldest job for which ``condition`` holds that of ``owner``; None when there is none, or one runs."""
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
