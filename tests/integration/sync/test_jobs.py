"""Jobs over HTTP, with the service's own threads at work and the clock going on by itself."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from dealcache.sandbox.simulator import Fault, demo_data
from tests.integration.service.harness import V2, assert_problem, event_ids
from tests.integration.sync.harness import Account, MakeAccount, RunningClock
from tests.waiting import until

SYNC = V2 + "sync"


@pytest.fixture
def clock() -> RunningClock:
    """Everybody's wall clock."""
    return RunningClock()


@pytest.fixture
def live(start: MakeAccount) -> Account:
    """Twelve deals with an activity of each type, and a service that does what it is asked for."""
    return start()


def ask(account: Account, path: str = SYNC, **query: str) -> str:
    """Ask for a sync; its job's id."""
    response = account.service.request("POST", path, **query)
    assert response.status_code == 202, response.text
    answer = response.get_json()
    assert (set(answer), answer["status"]) == ({"status", "message", "job_id"}, "accepted")
    return answer["job_id"]


def status(account: Account, job_id: str) -> dict[str, Any]:
    response = account.service.get(f"{SYNC}/status/{job_id}")
    assert response.status_code == 200, response.text
    return response.get_json()


def ended(account: Account, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""
    until(lambda: status(account, job_id)["finished_at"] is not None)
    return status(account, job_id)


def running(account: Account, job_id: str, calls: int = 1) -> None:
    """Wait until a job has made some calls."""
    until(lambda: status(account, job_id)["status"] == "running" and account.service.calls() >= calls)


def test_a_sync_runs_and_is_completed(live: Account) -> None:
    asked_at = live.clock()
    job = ended(live, ask(live))
    live.assert_true()
    assert (job["type"], job["status"], job["error"], job["cancelled"]) == ("incremental", "completed", None, False)
    assert job["message"] == "12 deals and 84 activities read, 12 deals changed"
    assert (job["deal"], job["stage"], job["epoch0"]) == (None, None, None)
    started, finished = (datetime.fromisoformat(job[name]).timestamp() for name in ("started_at", "finished_at"))
    assert asked_at - 1 <= started <= finished <= live.clock() + 1
    progress = job["progress"]
    assert progress["phase"] == "done"
    assert (progress["deals_read"], progress["deals_written"], progress["deals_changed"]) == (12, 12, 12)
    assert (progress["activities_read"], progress["activities_written"]) == (84, 84)
    assert progress["calls"] == 15
    again = ended(live, ask(live))
    assert again["job_id"] != job["job_id"]
    assert again["epoch0"] is not None
    assert again["progress"]["deals_changed"] == 0


def test_asking_again_for_what_is_running_gives_the_same_job(live: Account) -> None:
    live.hubspot.latency = 0.15
    first = ask(live, full="true")
    assert ask(live, full="true") == first
    running(live, first)
    assert ask(live, full="true") == first
    second, third = ask(live, deal="Deal 1"), ask(live, deal="Deal 2")
    assert len({first, second, third}) == 3
    assert ask(live, deal="Deal 1") == second
    while (now := status(live, first))["finished_at"] is None:
        waiting = status(live, second)
        # The first may have ended between the two questions.
        if status(live, first)["finished_at"] is None:
            assert (now["status"], waiting["status"], waiting["started_at"]) == ("running", "queued", None)
    for one in (first, second, third):
        assert ended(live, one)["status"] == "completed"
    order = [status(live, one) for one in (first, second, third)]
    assert order[0]["finished_at"] <= order[1]["started_at"] <= order[1]["finished_at"] <= order[2]["started_at"]
    listed = live.service.get(f"{SYNC}/jobs", status="completed").get_json()
    assert (listed["total_jobs"], [one["job_id"] for one in listed["jobs"]]) == (3, [third, second, first])
    assert ask(live, full="true") != first


def test_one_job_runs_at_a_time_also_of_two_services(start: MakeAccount) -> None:
    one = start()
    other = start(beside=one)
    one.hubspot.latency = 0.1
    jobs = [ask(account, deal=f"Deal {number}") for number in (1, 2, 3) for account in (one, other)]
    assert len(set(jobs)) == 3
    found = sorted((ended(one, job_id) for job_id in set(jobs)), key=lambda job: job["started_at"])
    for earlier, later in pairwise(found):
        assert earlier["finished_at"] <= later["started_at"]
    assert {one.job(job_id).attempts for job_id in jobs} == {1}


def test_a_running_job_that_is_cancelled_makes_no_more_calls(start: MakeAccount) -> None:
    account = start(demo_data(40))
    account.hubspot.latency = 1.0
    job_id = ask(account, full="true")
    running(account, job_id, calls=5)
    response = account.service.request("POST", f"{SYNC}/cancel/{job_id}")
    assert (response.status_code, response.get_json()["status"]) == (200, "success")
    job = ended(account, job_id)
    assert (job["status"], job["cancelled"], job["error"]) == ("cancelled", True, None)
    calls = account.service.calls()
    assert calls < 40  # it would have been 56 or more
    time.sleep(1.2)
    assert account.service.calls() == calls
    assert_problem(account.service.request("POST", f"{SYNC}/cancel/{job_id}"), 400)
    account.hubspot.latency = 0
    assert ended(account, ask(account, full="true"))["status"] == "completed"
    account.assert_true()


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_job_that_is_cancelled_does_not_wait_for_an_answer_that_drips(live: Account, part: Any) -> None:
    live.hubspot.faults.add(Fault("associations", drip=part, drip_seconds=0.2))  # for minutes
    job_id = ask(live, full="true")
    until(lambda: live.hubspot.calls.count("associations") >= 1)

    assert live.service.request("POST", f"{SYNC}/cancel/{job_id}").status_code == 200
    assert ended(live, job_id)["status"] == "cancelled"


def test_a_queued_job_that_is_cancelled_never_begins(live: Account) -> None:
    live.hubspot.latency = 0.2
    first = ask(live, full="true")
    running(live, first)
    second = ask(live, deal="Deal 1")
    assert live.service.request("POST", f"{SYNC}/cancel/{second}").status_code == 200
    assert status(live, second)["status"] == "cancelled"
    assert ended(live, first)["status"] == "completed"
    job = status(live, second)
    assert (job["started_at"], job["progress"]["calls"]) == (None, 0)
    assert_problem(live.service.request("POST", f"{SYNC}/cancel/{'0' * 32}"), 404)


def test_the_progress_of_a_job_can_be_watched(start: MakeAccount) -> None:
    account = start(demo_data(40))
    account.hubspot.latency = 0.15
    seen: list[dict[str, Any]] = []
    job_id = ask(account)

    def look() -> bool:
        job = status(account, job_id)
        if job["status"] == "running":
            seen.append(job["progress"])
        return job["finished_at"] is not None

    until(look)
    calls = [one["calls"] for one in seen]
    assert calls == sorted(calls)
    assert any(0 < count < account.service.calls() for count in calls)
    assert "deals and their activities" in {one["phase"] for one in seen}
    assert status(account, job_id)["progress"]["calls"] >= max(calls)


def test_a_process_that_ends_gives_its_job_to_another(start: MakeAccount) -> None:
    one = start(demo_data(40))
    one.hubspot.latency = 1.0
    job_id = ask(one, full="true")
    running(one, job_id, calls=5)
    one.service.app.extensions["dealcache"].stop()
    one.hubspot.latency = 0
    other = start(beside=one)
    job = ended(other, job_id)
    assert job["status"] == "completed"
    assert other.job(job_id).attempts == 2
    other.assert_true()


def test_syncs_begin_by_themselves(start: MakeAccount) -> None:
    account = start(SYNC_INTERVAL_SECONDS="3600")
    jobs = account.storage.sync_jobs

    def completed() -> int:
        return sum(job.finished_at is not None for job in jobs.list(None, 10)[1])

    until(lambda: completed() == 1)
    account.assert_true()
    account.data.update("deals", "1001", {"dealname": "Renamed"})
    account.clock.tick(3599 - 30)
    time.sleep(0.3)
    assert completed() == 1
    account.clock.tick(31)
    until(lambda: completed() == 2)
    account.assert_true()
    assert event_ids(account.service.get(V2 + "deal-timeline", dealName="Renamed"))
