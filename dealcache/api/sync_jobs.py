"""Requests for syncs, and their jobs: ``/api/hubspot/v2/sync``."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Any

import marshmallow as ma
from flask import Response

from dealcache.api import job_views, parameters, sync_parameters
from dealcache.api.documentation import STORE_FAILURE, Documented, documented
from dealcache.api.problems import Problem
from dealcache.api.responses import json_response, problem_response
from dealcache.api.services import services
from dealcache.api.sync_parameters import SyncBlueprint
from dealcache.hubspot.errors import HubSpotError, WrongAccount
from dealcache.model.deadline import Deadline
from dealcache.model.jobs import JobStatus, SyncRequest
from dealcache.reader.question_errors import QuestionError
from dealcache.repositories import Cancellation

log = logging.getLogger(__name__)

blueprint = SyncBlueprint(
    "sync", __name__, url_prefix="/api/hubspot/v2/sync", description="Keeping MongoDB true to HubSpot."
)

_NO_JOB = Documented(404, "There is no such job.")
_ACCOUNT = Documented(409, "MongoDB holds the data of another HubSpot account.")
_ANSWERS = [Documented(415, "The body is not JSON."), _ACCOUNT, STORE_FAILURE]

#: Seconds that a request for a sync waits to learn the token's account, if that is unknown.
_ACCOUNT_SECONDS = 2.0

_JOB_ID = re.compile(r"[0-9a-f]{32}")


class JobsQuery(ma.Schema):
    """Filters the list of jobs."""

    status = ma.fields.Enum(JobStatus, by_value=True, load_default=None, metadata={"description": "Only those."})
    limit = parameters.Count(1, 1000, "How many jobs to list at most.", load_default=100)


@blueprint.route("/status/<job_id>")
@documented(job_views.JobSchema, [_NO_JOB, STORE_FAILURE])
def status(job_id: str) -> Response:
    """A job: where it stands, and how far it is."""
    job = services().storage.sync_jobs.get(job_id) if _JOB_ID.fullmatch(job_id) else None
    return problem_response(_unknown(job_id)) if job is None else json_response(job_views.job_view(job))


@blueprint.route("/jobs")
@blueprint.arguments(JobsQuery(), location="query")
@documented(job_views.JobsSchema, [STORE_FAILURE])
def jobs(query: dict[str, Any]) -> Response:
    """The jobs, the newest first."""
    total, found = services().storage.sync_jobs.list(query["status"], query["limit"])
    return json_response({"total_jobs": total, "jobs": [job_views.job_view(job) for job in found]})


@blueprint.route("/cancel/<job_id>", methods=["POST"])
@documented(job_views.CancelledSyncSchema, [Documented(400, "The job has ended already."), _NO_JOB, STORE_FAILURE])
def cancel(job_id: str) -> Response:
    """Stop a job; what it has stored stays."""
    stored, now = services().storage.sync_jobs, services().now()
    outcome = stored.cancel(job_id, now) if _JOB_ID.fullmatch(job_id) else Cancellation.UNKNOWN
    if outcome is Cancellation.UNKNOWN:
        return problem_response(_unknown(job_id))
    if outcome is Cancellation.REFUSED:
        return problem_response(Problem(400, "The job is neither queued nor running: it has ended."))
    message = "The job is cancelled." if outcome is Cancellation.CANCELLED else "The job stops within seconds."
    return json_response({"status": "success", "message": message})


@documented(job_views.AcceptedSyncSchema, _ANSWERS, status=202)
def _accept(wanted: SyncRequest) -> Response:
    """Queue a sync, unless it is already queued or MongoDB holds the data of another account."""
    wired = services()
    try:
        wired.account.admit(Deadline(_ACCOUNT_SECONDS))
    except WrongAccount as wrong:
        return problem_response(Problem(409, f"{wrong.reason}."))
    except HubSpotError as failure:  # the job can wait until HubSpot answers
        log.debug("a sync is queued although the token's account is unknown: %s", failure)
    if wanted.stage is not None:
        wanted = replace(wanted, stage=_known_stage(wanted.stage))
    job, created = wired.storage.sync_jobs.add(wanted, wired.now())
    wired.wake_sync()
    message = "The sync is queued." if created else f"This sync is {job.status} already."
    return json_response({"status": "accepted", "message": message, "job_id": job.job_id}, 202)


def _known_stage(text: str) -> str:
    """Return the one name of a stage; HubSpot is asked again before a stage is called unknown.

    Raises:
        QuestionError: there is no such stage; its text lists the existing ones.
    """
    wired = services()
    name = wired.storage.labels.read().stage_name(text)
    if name is not None:
        return name
    try:
        wired.labels.refresh()
    except HubSpotError as failure:
        log.warning("a stage is unknown, and HubSpot cannot be asked whether it is new: %s", failure)
    labels = wired.storage.labels.read()
    name = labels.stage_name(text)
    if name is None:
        known = ", ".join(labels.stage_labels()) or "none"
        raise QuestionError("stage", f"There is no such stage. Stages: {known}.")
    return name


def _unknown(job_id: str) -> Problem:
    return Problem(404, f"There is no job {job_id!r}.")


#: The paths that queue a sync: their parameters, in the query, the body or both, and what is synced.
_SYNCS: dict[str, tuple[type[ma.Schema], str]] = {
    "": (
        sync_parameters.SyncParameters,
        "Sync what changed since the last sync, everything, what changed in the last days, a stage, or a deal.",
    ),
    "/stage/date": (
        sync_parameters.StageDateParameters,
        "Sync the deals of a stage with an activity on, or a change of, a day. `stage` and `date_str` are needed.",
    ),
    "/stage/date-range": (
        sync_parameters.StageRangeParameters,
        "The same for a range of days, both included. `stage`, `start_date` and `end_date` are needed.",
    ),
    "/deal/date": (
        sync_parameters.DealDateParameters,
        "Sync a deal because of a day. `deal` and `date_str` are needed.",
    ),
    "/all-stages/date": (
        sync_parameters.DateParameters,
        "Sync the deals of all stages with an activity on, or a change of, a day. `date_str` is needed.",
    ),
    "/all-stages/date-range": (
        sync_parameters.RangeParameters,
        "The same for a range of days, both included. `start_date` and `end_date` are needed.",
    ),
}

for path, (schema, summary) in _SYNCS.items():
    body = {"required": False, "content": {"application/json": {"schema": schema}}}
    view = blueprint.arguments(schema(), location="query", unknown=ma.RAISE)(_accept)
    view = blueprint.doc(summary=summary, requestBody=body)(view)
    blueprint.add_url_rule(path, schema.__name__, view, methods=["POST"])
