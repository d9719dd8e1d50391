"""Sync jobs as clients see them: the JSON, and its description."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import marshmallow as ma

from dealcache.api.schema_fields import count_field, day_field, flag_field, moment_field, number_field, text_field
from dealcache.model.jobs import Job, JobStatus, JobType
from dealcache.model.timestamps import optional_timestamp, timestamp


def job_view(job: Job) -> dict[str, Any]:
    """Return a job as values that orjson writes as clients see them."""
    request, progress = job.request, asdict(job.progress)
    warnings = progress.pop("warnings")
    return {
        "job_id": job.job_id,
        "type": request.type,
        "status": job.status,
        "created_at": timestamp(job.created_at),
        "due_at": timestamp(job.due_at),
        "started_at": optional_timestamp(job.started_at),
        "finished_at": optional_timestamp(job.finished_at),
        "epoch0": optional_timestamp(job.since),
        "deal": request.deal,
        "stage": request.stage,
        "start_date": request.first_day,
        "end_date": request.last_day,
        "message": job.message,
        "error": job.error,
        "cancelled": job.cancel_requested or job.status is JobStatus.CANCELLED,
        "warnings": list(warnings),
        "progress": progress | {"waited_seconds": round(job.progress.waited_seconds, 3)},
    }


class ProgressSchema(ma.Schema):
    """The progress of a job."""

    phase = text_field("What it does at the moment.")
    deals_read = count_field("Deals read from HubSpot to their end, with all their activities.")
    deals_written = count_field("Deals stored, from the first page on, whether or not they were known before.")
    activities_read = count_field("Activities read from HubSpot.")
    activities_written = count_field("Activities stored, whether or not they were known before.")
    deals_changed = count_field("Deals of which something that clients see is different now.")
    calls = count_field("Calls to HubSpot, each try counted.")
    waited_seconds = number_field("How long calls waited for HubSpot's limits, over all threads.")
    percent = number_field("How much is done, where that is known. It never goes back.", allow_none=True)
    seconds_left = number_field("How long it will take yet, where that is known.", allow_none=True)


class JobSchema(ma.Schema):
    """A sync job."""

    job_id = text_field("The job's id.")
    type = text_field("What it does.", validate=ma.validate.OneOf([one.value for one in JobType]))
    status = text_field("Where it stands.", validate=ma.validate.OneOf([one.value for one in JobStatus]))
    created_at = moment_field("When it was asked for.")
    due_at = moment_field("When it may begin.")
    started_at = moment_field("When it was first taken up.", allow_none=True)
    finished_at = moment_field("When it ended.", allow_none=True)
    epoch0 = moment_field("From when on changes are looked for, where the job goes by time.", allow_none=True)
    deal = text_field("The deal that was asked for, by name or id.", allow_none=True)
    stage = text_field("The stage that was asked for.", allow_none=True)
    start_date = day_field("The first day that was asked for.")
    end_date = day_field("The last day that was asked for.")
    message = text_field("What it has to say, in a sentence.")
    error = text_field("Why it failed.", allow_none=True)
    cancelled = flag_field("Whether it is cancelled, or will be as soon as it stops.")
    warnings = ma.fields.List(
        ma.fields.String(),
        required=True,
        metadata={
            "description": "What it did without, in short sentences, 20 at most: a list that HubSpot refuses, a record "
            "that HubSpot cannot read. A completed job may have some."
        },
    )
    progress = ma.fields.Nested(ProgressSchema, required=True)


class JobsSchema(ma.Schema):
    """A list of jobs."""

    total_jobs = count_field("How many there are, listed or not.")
    jobs = ma.fields.List(ma.fields.Nested(JobSchema), required=True)


class AcceptedSyncSchema(ma.Schema):
    """The acceptance of a sync."""

    status = text_field("`accepted`.", validate=ma.validate.OneOf(["accepted"]))
    message = text_field("Whether it is new, or was queued or running already.")
    job_id = text_field("The job that does it.")


class CancelledSyncSchema(ma.Schema):
    """The cancellation of a job."""

    status = text_field("`success`.", validate=ma.validate.OneOf(["success"]))
    message = text_field("Whether it has stopped, or will in a moment.")
