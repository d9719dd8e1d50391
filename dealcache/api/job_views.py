"""Sync jobs as clients see them: the JSON, and its description."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import marshmallow as ma

from dealcache.jobs import Job, JobStatus, JobType
from dealcache.reader.views import timestamp


def job_view(job: Job) -> dict[str, Any]:
    """A job as JSON values."""
    request = job.request
    return {
        "job_id": job.job_id,
        "type": request.type,
        "status": job.status,
        "created_at": timestamp(job.created_at),
        "due_at": timestamp(job.due_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
        "epoch0": _moment(job.since),
        "deal": request.deal,
        "stage": request.stage,
        "start_date": _day(request.first_day),
        "end_date": _day(request.last_day),
        "message": job.message,
        "error": job.error,
        "cancelled": job.cancel_requested or job.status is JobStatus.CANCELLED,
        "progress": asdict(job.progress) | {"waited_seconds": round(job.progress.waited_seconds, 3)},
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _text(description: str, **more: Any) -> ma.fields.String:
    return ma.fields.String(required=True, metadata={"description": description}, **more)


def _time(description: str, allow_none: bool = True) -> ma.fields.String:
    metadata = {"description": description, "format": "date-time"}
    return ma.fields.String(required=True, allow_none=allow_none, metadata=metadata)


def _date(description: str) -> ma.fields.String:
    return ma.fields.String(required=True, allow_none=True, metadata={"description": description, "format": "date"})


def _count(description: str) -> ma.fields.Integer:
    return ma.fields.Integer(required=True, metadata={"description": description, "minimum": 0})


def _number(description: str, allow_none: bool = True) -> ma.fields.Float:
    return ma.fields.Float(required=True, allow_none=allow_none, metadata={"description": description})


class ProgressSchema(ma.Schema):
    """How far a job is."""

    phase = _text("What it does at the moment.")
    deals_read = _count("Deals read from HubSpot.")
    deals_written = _count("Deals stored, whether or not they were known before.")
    activities_read = _count("Activities read from HubSpot.")
    activities_written = _count("Activities stored, whether or not they were known before.")
    deals_changed = _count("Deals of which something that clients see is different now.")
    calls = _count("Calls to HubSpot, each try counted.")
    waited_seconds = _number("How long calls waited for HubSpot's limits, over all threads.", allow_none=False)
    percent = _number("How much is done, where that is known.")
    seconds_left = _number("How long it will take yet, where that is known.")


class JobSchema(ma.Schema):
    """A sync job."""

    job_id = _text("The job's id.")
    type = _text("What it does.", validate=ma.validate.OneOf([one.value for one in JobType]))
    status = _text("Where it stands.", validate=ma.validate.OneOf([one.value for one in JobStatus]))
    created_at = _time("When it was asked for.", allow_none=False)
    due_at = _time("When it may begin.", allow_none=False)
    started_at = _time("When it was first taken up.")
    finished_at = _time("When it ended.")
    epoch0 = _time("From when on changes are looked for, where the job goes by time.")
    deal = _text("The deal that was asked for, by name or id.", allow_none=True)
    stage = _text("The stage that was asked for.", allow_none=True)
    start_date = _date("The first day that was asked for.")
    end_date = _date("The last day that was asked for.")
    message = _text("What it has to say, in a sentence.")
    error = _text("Why it failed.", allow_none=True)
    cancelled = ma.fields.Boolean(
        required=True, metadata={"description": "Whether it is cancelled, or will be as soon as it stops."}
    )
    progress = ma.fields.Nested(ProgressSchema, required=True)


class JobsSchema(ma.Schema):
    """A list of jobs."""

    total_jobs = _count("How many there are, listed or not.")
    jobs = ma.fields.List(ma.fields.Nested(JobSchema), required=True)


class AcceptedSyncSchema(ma.Schema):
    """That a sync will be done."""

    status = _text("`accepted`.")
    message = _text("Whether it is new, or was queued or running already.")
    job_id = _text("The job that does it.")


class CancelledSyncSchema(ma.Schema):
    """That a job stops."""

    status = _text("`success`.")
    message = _text("Whether it has stopped, or will in a moment.")
