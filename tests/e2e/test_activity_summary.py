"""The summary of activities of a running service: after syncs, in each worker, and after workers were killed."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.jobs import ask_for_sync, completed
from tests.e2e.programs import HubSpot, StartService
from tests.e2e.truth import months_of, summarized_months, true_timelines
from tests.waiting import until


@pytest.mark.long
def test_sums_follow_hubspot_in_all_workers(start_service: StartService, hubspot: HubSpot) -> None:
    hubspot.steer("PATCH", "settings", limits=False)
    service = start_service(WEB_CONCURRENCY="2", SYNC_CONFIRM_SECONDS="0")
    completed(service, ask_for_sync(service, full="true"))
    truth = months_of(true_timelines(hubspot))
    assert summarized_months(service) == [truth] * 2
    deal_id = hubspot.steer("GET", "deals")["deals"][0]["id"]
    killed = service.workers()
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    until(lambda: len(set(service.workers()) - set(killed)) == 2)
    hubspot.change(*[{"do": "add_activity", "object_type": "notes", "deals": [deal_id]}] * 3)
    completed(service, ask_for_sync(service))
    after = months_of(true_timelines(hubspot))
    assert sum(after.values()) == sum(truth.values()) + 3
    assert summarized_months(service) == [after] * 2
