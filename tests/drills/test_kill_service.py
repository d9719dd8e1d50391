"""``kill -9`` of the whole service, all its processes, at ten random moments of one job."""

from __future__ import annotations

import time
from random import Random

import pytest

from tests.drills.site import LONGEST, MakeSite, Site
from tests.drills.storm import stir_up
from tests.e2e.jobs import Job, ask_for_sync, completed
from tests.e2e.programs import Gunicorn
from tests.waiting import until

KILLS = 10
DEALS = 3_000
SEED = 20_261

#: Seconds for which a process may work on the job before it is killed.
SHORTEST, LONGEST_LIFE = 0.1, 2.0

_random = Random(SEED)

#: Those for each kill, in a full load and in an incremental sync.
FULL_LOAD, INCREMENTAL = ([_random.uniform(SHORTEST, LONGEST_LIFE) for _ in range(KILLS)] for _ in range(2))


def took_up(site: Site, job_id: str, attempts: int) -> None:
    """Wait until a job has been taken up so often."""
    until(lambda: site.stored_job(job_id)["attempts"] >= attempts, LONGEST)


def end_with_kills(
    site: Site, service: Gunicorn, job_id: str, lives: list[float], waits: int
) -> tuple[Gunicorn, Job, int]:
    """Kill the service again and again while it works on a job, then let the job end.

    Args:
        site: the deployment.
        service: has the job.
        job_id: the job.
        lives: the seconds after which it is killed each time.
        waits: how often the lease of the killed process is waited for; else its end is brought about.

    Returns:
        The service that ended the job, the job, and how many deals the kills left half-written.
    """
    half_written = 0
    for attempt, life in enumerate(lives, 1):
        took_up(site, job_id, attempt)
        time.sleep(life)
        service.kill()
        half_written += site.assert_lists_true()
        job = site.stored_job(job_id)
        assert (job["status"], job["attempts"]) == ("running", attempt), "the job has ended before the last kill"
        if attempt > waits:
            site.end_lease(job_id)
        if attempt == len(lives):
            site.hubspot.reset()  # what is left may go fast
        service = site.start_service()
    ended = completed(service, job_id, LONGEST)
    assert site.stored_job(job_id)["attempts"] == len(lives) + 1
    return service, ended, half_written


@pytest.mark.timeout(600)
def test_ten_kills_in_a_full_load(make_site: MakeSite) -> None:
    site = make_site("--deals", str(DEALS))
    site.hubspot.steer("PATCH", "settings", limits={"ten_secondly": 2_000}, latency=0.05)
    # Undisturbed, ten calls at a time would take 21 s for the activities alone.
    site.hubspot.steer("POST", "faults", match=r"POST /crm/v3/objects/(?!deals)\w+/batch/read", delay=0.7)
    service = site.start_service()
    job_id = ask_for_sync(service, full="true")
    service, job, half_written = end_with_kills(site, service, job_id, FULL_LOAD, waits=1)
    assert job["progress"]["deals_read"] >= DEALS
    assert half_written > 0, "no kill came between two writes"
    site.assert_true(service)


@pytest.mark.timeout(600)
def test_ten_kills_in_an_incremental_sync(make_site: MakeSite) -> None:
    site = make_site("--deals", str(DEALS))
    site.hubspot.steer("PATCH", "settings", limits={"ten_secondly": 2_000})
    service = site.start_service()
    site.sync(service, full="true")

    stir_up(site.hubspot, SEED)
    site.assert_behind(service)
    site.hubspot.steer("PATCH", "settings", latency=0.3)
    service, _, _ = end_with_kills(site, service, ask_for_sync(service), INCREMENTAL, waits=0)
    site.assert_true(service)
