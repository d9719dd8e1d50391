"""Between sync jobs and their documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from dealcache.jobs import Job, JobStatus, Progress, SyncRequest
from dealcache.repositories.documents import Document, milliseconds, utc

_DATES = ("created_at", "due_at", "started_at", "finished_at", "since", "lease_expires_at")
_AS_THEY_ARE = ("message", "error", "cancel_requested", "attempts", "checkpoint", "owner")
_PROGRESS_FIELDS = frozenset(field.name for field in fields(Progress))

#: Only jobs that have not ended have these fields.
_UNTIL_THE_END = ("active_identity", "checkpoint", "owner", "lease_expires_at", "reserved_for", "reserved_until")


def new_job(job_id: str, request: SyncRequest, now: datetime, due_at: datetime) -> Document:
    """The document of a job that waits to be taken up. Dates that are not known yet are left out."""
    return {
        "_id": job_id,
        "request": request.parameters(),
        "active_identity": request.identity,
        "status": str(JobStatus.QUEUED),
        "created_at": milliseconds(now),
        "due_at": milliseconds(due_at),
        "attempts": 0,
        "progress": asdict(Progress()),
    }


def to_job(document: Mapping[str, Any]) -> Job:
    """A document of ``sync_jobs`` as a value."""
    values: dict[str, Any] = {name: utc(document[name]) for name in _DATES if name in document}
    values |= {name: document[name] for name in _AS_THEY_ARE if name in document}
    # Another release may count other things.
    progress = {name: value for name, value in document["progress"].items() if name in _PROGRESS_FIELDS}
    return Job(
        job_id=document["_id"],
        request=SyncRequest.from_parameters(document["request"]),
        status=JobStatus(document["status"]),
        progress=Progress(**progress),
        **values,
    )


def ending(status: JobStatus, now: datetime, message: str, error: str | None = None) -> Document:
    """The update that ends a job; from then on its time to live runs."""
    outcome = {"status": str(status), "finished_at": milliseconds(now), "message": message, "error": error}
    return {"$set": outcome, "$unset": dict.fromkeys(_UNTIL_THE_END, "")}
