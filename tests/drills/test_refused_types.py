"""A storm while HubSpot refuses one type of activities, cannot read a record, and lists no archived ones."""

from __future__ import annotations

from tests.drills.site import LONGEST, MakeSite
from tests.drills.storm import stir_up
from tests.e2e.jobs import ask_for_sync, completed, ended, jobs_of
from tests.e2e.programs import Gunicorn
from tests.e2e.truth import assert_true
from tests.waiting import until

SEED = 7_301


def failed(service: Gunicorn, job_id: str, reason: str) -> None:
    """Wait until a job has failed because of one type."""
    job = ended(service, job_id, LONGEST)
    assert job["status"] == "failed", job
    assert reason in job["error"]


def test_a_full_load_and_a_storm_without_a_type(make_site: MakeSite) -> None:
    site = make_site("--deals", "600")
    hubspot = site.hubspot
    truth = hubspot.steer("GET", "truth")["deals"]
    note = next(one["id"] for deal in truth for one in deal["activities"] if one["type"] == "notes")
    hubspot.steer("POST", "faults", match="emails", status=403)
    hubspot.steer("POST", "faults", match="notes/batch/read", status=400, record=note)
    service = site.start_service()
    failed(service, ask_for_sync(service, full="true"), "emails cannot be read")
    stir_up(hubspot, SEED)
    failed(service, ask_for_sync(service), "emails cannot be read")
    stir_up(hubspot, SEED + 1)
    hubspot.reset()
    completed(service, ask_for_sync(service), LONGEST)
    until(lambda: all(job["finished_at"] for job in jobs_of(service)), LONGEST)
    assert_true(service, hubspot, site.mongodb_uri)
