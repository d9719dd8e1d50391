"""A HubSpot that is slow, or refuses a single call: syncs ask for less, ask again, and end when they are cancelled."""

from __future__ import annotations

import pytest

from dealcache.hubspot import session
from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import Fault
from tests.integration.sync.harness import Account, MakeAccount, some_deals

KINDS = ("list", "associations", "batch_read", "search")

#: The answer takes so long for each record asked for, and HubSpot's gateway so much: 26 records are too many.
PER_RECORD, GATEWAY = 0.01, 0.25


def inputs(account: Account, kind: str, status: int) -> list[int]:
    """Return how much the calls of one kind with such an answer asked for, in their order."""
    return [one.inputs for one in account.hubspot.calls if (one.kind, one.status) == (kind, status)]


@pytest.mark.parametrize("kind", ["associations", "batch_read"])
def test_a_full_load_asks_for_less_after_a_time_out(make_account: MakeAccount, kind: str) -> None:
    account = make_account(some_deals(60, kinds=("notes", "calls")))
    account.hubspot.behaviour.gateway_seconds = GATEWAY
    account.hubspot.faults.add(Fault(kind, delay_per_input=PER_RECORD))

    job = account.run(JobType.FULL)

    account.assert_true()
    assert job.attempts == 1
    # Sixty are halved to thirty, and to fifteen; for each type of activity.
    assert set(inputs(account, kind, 524)) <= {60, 30}
    assert max(inputs(account, kind, 200) + inputs(account, kind, 207)) <= 15


def test_the_list_of_all_deals_comes_in_smaller_pages(make_account: MakeAccount) -> None:
    account = make_account(some_deals(90, kinds=("notes",)))
    account.hubspot.behaviour.gateway_seconds = GATEWAY
    account.hubspot.faults.add(Fault("GET .*/deals$", delay_per_input=PER_RECORD))

    account.run(JobType.FULL)

    account.assert_true()
    statuses = [one.status for one in account.hubspot.calls if (one.kind, one.object_type) == ("list", "deals")]
    assert statuses == [524, 524, *[200] * 4]  # pages of 25


@pytest.mark.parametrize("status", [408, 504])
def test_searches_ask_for_smaller_pages(synced: Account, status: int) -> None:
    for number in range(1, 13):
        synced.data.update("deals", synced.deal(number), {"dealname": f"Renamed {number}"})
    synced.clock.tick(30)
    synced.hubspot.faults.add(Fault("/deals/search", status, times=4))

    synced.run()

    synced.assert_true()
    statuses = [one.status for one in synced.hubspot.calls if (one.kind, one.object_type) == ("search", "deals")]
    assert statuses == [status] * 4 + [200]  # 200, 100, 50, 25, and all twelve fit into 12


def test_what_was_too_much_for_one_sync_is_not_asked_for_by_the_next(make_account: MakeAccount) -> None:
    account = make_account(some_deals(60, kinds=("notes",)))
    account.hubspot.behaviour.gateway_seconds = GATEWAY
    account.hubspot.faults.add(Fault("batch_read", delay_per_input=PER_RECORD))
    account.run(JobType.FULL)
    account.settle()

    account.run(JobType.FULL)

    account.assert_true()
    assert inputs(account, "batch_read", 524) == []


def test_ten_that_are_too_many_fail_the_job(make_account: MakeAccount, no_second_try: None) -> None:
    account = make_account(some_deals(40, kinds=("notes",)))
    account.hubspot.faults.add(Fault("batch_read", 504))

    job = account.run_whatever(JobType.FULL)

    assert job.status is JobStatus.FAILED
    assert "504" in (job.error or "")
    # Then it looks whether a single record is to blame.
    assert sorted(set(inputs(account, "batch_read", 504)), reverse=True)[:3] == [40, 20, 10]


REFUSALS = {
    "400": {"status": 400},
    "401": {"status": 401},
    "403": {"status": 403},
    "404": {"status": 404, "html": True},
    "408": {"status": 408},
    "409": {"status": 409},
    "520": {"status": 520, "html": True},
    "530": {"status": 530, "html": True},
    "half a body": {"status": 200, "body": '{"results":[{"id":"1","prop'},
    "no results": {"status": 200, "body": {}},
    "a page": {"status": 200, "html": True},
    "nothing": {"status": 200, "body": b""},
}


#: One of each sort; that all are tried again alike, the batch read shows, and the tests of the session.
SORTS = ("400", "403", "408", "half a body", "no results")


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_refusal_is_not_noticed(synced: Account, kind: str) -> None:
    pattern = {"list": "GET .*/deals$", "search": "deals/search", "associations": "associations/deals/notes"}
    for name in REFUSALS if kind == "batch_read" else SORTS:
        fault = REFUSALS[name]
        synced.data.update("deals", synced.deal(1), {"dealname": f"Renamed: {name}"})
        synced.data.add_activity("notes", deals=[synced.deal(2)])
        synced.clock.tick(30)
        synced.hubspot.faults.clear()
        synced.hubspot.faults.add(Fault(pattern.get(kind, kind), times=1, **fault))

        job = synced.run(JobType.FULL if kind == "list" else JobType.INCREMENTAL)

        assert synced.is_true(), name
        assert job.attempts == 1, name
        synced.settle()


def test_a_sync_waits_longer_for_an_answer_than_a_reader(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven seconds are 1.1 here."""
    tenths = {one: seconds / 10 for one, seconds in session._ANSWER_SECONDS.items()}
    monkeypatch.setattr(session, "_ANSWER_SECONDS", tenths)
    account.hubspot.faults.add(Fault("associations", delay=1.1))

    account.run(JobType.FULL)

    account.assert_true()
    assert account.hubspot.calls.count("associations") == 7
