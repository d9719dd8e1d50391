"""``kill -9`` of MongoDB under a running sync, twice."""

from __future__ import annotations

import time
from random import Random

from tests.drills.site import LONGEST, MakeSite, Site
from tests.drills.storm import stir_up
from tests.e2e.jobs import ask_for_sync, completed
from tests.e2e.programs import Gunicorn
from tests.waiting import until

CRASHES = 2
SEED = 4_711


def end_with_crashes(site: Site, service: Gunicorn, job_id: str, random: Random) -> None:
    """Kill MongoDB again and again while the service works on a job, then let the job end."""
    until(lambda: site.stored_job(job_id)["status"] == "running")
    for _ in range(CRASHES):
        time.sleep(random.uniform(0.5, 2.5))
        site.mongod.kill()
        time.sleep(random.uniform(0.0, 2.5))
        site.mongod.start()
        job = site.stored_job(job_id)
        assert (job["status"], job["attempts"]) == ("running", 1), "the job has ended before the last crash"
    site.hubspot.reset()  # what is left may go fast
    until(lambda: service.get("/readyz").ok)
    completed(service, job_id, LONGEST)
    assert site.stored_job(job_id)["attempts"] == 1


def test_two_crashes_in_a_full_load_and_two_in_an_incremental_sync(make_site: MakeSite) -> None:
    random = Random(SEED)
    site = make_site("--deals", "1200")
    site.hubspot.steer("PATCH", "settings", limits={"ten_secondly": 2_000}, latency=0.4)
    service = site.start_service()
    end_with_crashes(site, service, ask_for_sync(service, full="true"), random)
    site.assert_true(service)

    stir_up(site.hubspot, SEED)
    site.assert_behind(service)
    site.hubspot.steer("PATCH", "settings", latency=0.4)
    end_with_crashes(site, service, ask_for_sync(service), random)
    site.assert_true(service)
