"""Asking a running service for syncs, and waiting for them."""

from __future__ import annotations

from typing import Any

import requests

from tests.e2e.programs import Gunicorn
from tests.e2e.truth import V2
from tests.waiting import until

Job = dict[str, Any]


def ask_for_sync(service: Gunicorn, **parameters: Any) -> str:
    """Ask for a sync; the id of its job."""
    response = service.post(f"{V2}/sync", **parameters)
    assert response.status_code == 202, response.text
    return response.json()["job_id"]


def job_of(service: Gunicorn, job_id: str) -> Job:
    """Return where a job stands."""
    response = service.get(f"{V2}/sync/status/{job_id}")
    assert response.status_code == 200, response.text
    return response.json()


def jobs_of(service: Gunicorn, **query: Any) -> list[Job]:
    """All jobs, the newest first."""
    return service.get(f"{V2}/sync/jobs", **query).json()["jobs"]


def ended(service: Gunicorn, job_id: str, seconds: float = 60.0) -> Job:
    """Wait for a job to end, however that is."""

    def found() -> Job | None:
        try:
            job = job_of(service, job_id)
        except requests.ConnectionError:
            return None  # the worker that had the connection was killed
        return job if job["finished_at"] else None

    return until(found, seconds)


def completed(service: Gunicorn, job_id: str, seconds: float = 60.0) -> Job:
    """Wait for a job to end, which must be a good end."""
    job = ended(service, job_id, seconds)
    assert job["status"] == "completed", job
    return job


def confirmed(service: Gunicorn, seconds: float = 60.0) -> None:
    """Wait until no job is left to be done: also the confirming pass has ended."""
    until(lambda: all(job["finished_at"] for job in jobs_of(service)), seconds)
    assert {job["status"] for job in jobs_of(service)} == {"completed"}
