"""Archived records whose list HubSpot refuses: they are found from their deals, and nothing fails because of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import Fault
from dealcache.sync.deal_sync import DealSync, StoredBatch
from tests.integration.service.harness import V2
from tests.integration.sync.changes import add_activity, archive_activities, archive_deal
from tests.integration.sync.harness import Account, MakeAccount, some_deals

pytestmark = pytest.mark.usefixtures("no_second_try")


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("meetings", True), ("meetings", False), ("emails", True), ("notes", False), ("deals", True), ("deals", False)],
)
def test_an_archived_record_goes_at_the_next_sync(synced: Account, kind: str, kept: bool) -> None:
    synced.hubspot.behaviour.archived_keep_associations = kept
    synced.hubspot.behaviour.archived_not_listed = (kind,)
    archive_activities(synced)
    archive_deal(synced)
    add_activity(synced)
    synced.clock.tick(1)
    before = synced.storage.sync_state.load().watermark
    job = synced.run()
    synced.assert_true()
    assert [one for one in job.progress.warnings if f"does not list archived {kind}" in one]
    assert synced.storage.sync_state.load().watermark > before
    view = synced.service.get(f"{V2}sync/status/{job.job_id}").get_json()
    assert view["warnings"] == list(job.progress.warnings)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 403},
        {"status": 404},
        {"status": 500},
        {"status": 200, "body": {"results": "none"}},
        {"cut_short": True},
    ],
    ids=lambda fault: str(fault.get("status", "cut short")),
)
def test_whatever_the_refusal_the_other_lists_are_walked(synced: Account, fault: dict[str, Any]) -> None:
    synced.hubspot.faults.add(Fault("GET /crm/v3/objects/calls", **fault))
    archive_activities(synced)
    synced.clock.tick(1)
    job = synced.run()
    synced.assert_true()
    assert [one for one in job.progress.warnings if "archived calls" in one]
    lists = [call.object_type for call in synced.hubspot.calls if call.kind == "list"]
    assert set(lists) == {"deals", *ENGAGEMENT_TYPES}


def test_a_list_that_is_refused_from_its_second_page_on_leaves_the_next_one_whole(synced: Account) -> None:
    synced.hubspot.behaviour.archived_keep_associations = True
    first = ENGAGEMENT_TYPES[0]
    for _ in range(150):
        synced.data.archive(first, synced.data.add_activity(first, already_indexed=True))
    archive_activities(synced)
    synced.hubspot.faults.add(Fault(f"GET /crm/v3/objects/{first}", 500, skip=1))
    synced.clock.tick(1)
    job = synced.run()
    synced.assert_true()
    assert [one for one in job.progress.warnings if f"archived {first}" in one]


def test_where_deals_are_not_listed_each_is_read_once_by_its_id(synced: Account) -> None:
    synced.hubspot.behaviour.archived_not_listed = ("deals",)
    never_read = {"$unset": {"timeline_synced_at": "", "complete_as_of": ""}}
    synced.service.database.deal_info.update_one({"deal_id": synced.deal(3)}, never_read)
    synced.run()
    reads = [call.inputs for call in synced.hubspot.calls if (call.kind, call.object_type) == ("batch_read", "deals")]
    assert sum(reads) == len(synced.truth())
    assert synced.service.database.deal_info.find_one({"deal_id": synced.deal(3)})["timeline_synced_at"]


def test_where_deals_are_not_listed_they_are_read_at_the_same_time(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(some_deals(300, ("notes",)))
    account.run()
    account.settle()
    account.hubspot.behaviour.archived_not_listed = ("deals",)
    together, store_batch = threading.Barrier(3, timeout=20), DealSync.store_batch

    def store_together(work: DealSync, ids: Sequence[str]) -> StoredBatch:
        together.wait()  # fails if they come one after another
        return store_batch(work, ids)

    monkeypatch.setattr(DealSync, "store_batch", store_together)
    account.run()


def test_a_refused_token_is_no_warning(synced: Account) -> None:
    synced.hubspot.faults.add(Fault("list", 401))
    job = synced.run_whatever()
    assert (job.status, job.progress.warnings) == (JobStatus.FAILED, ())


def test_no_deal_is_taken_for_restored_because_its_list_is_refused(synced: Account) -> None:
    archive_deal(synced)
    synced.clock.tick(1)
    synced.run()
    synced.hubspot.faults.add(Fault("GET /crm/v3/objects/deals", 400))
    synced.clock.tick(60)
    assert synced.run().progress.deals_changed == 0
    synced.data.restore("deals", synced.deal(6))
    synced.clock.tick(60)
    synced.run()
    synced.assert_true()


@pytest.mark.usefixtures("short_chunks")
def test_scheduled_syncs_find_them_in_bounded_time(make_account: MakeAccount) -> None:
    """420 deals with a meeting each, two thirds of them closed: 7 + 2 calls for each 200."""
    data = some_deals(420, kinds=("meetings",))
    for number in range(1, 281):
        data.update("deals", 1000 + number, {"dealstage": "closedwon"}, modified_at=1_700_000_000.0)
    account = make_account(data, SYNC_REREAD_CALLS="2880")
    account.run()
    account.settle()
    for number in (1, 279, 281, 420):
        account.data.archive("meetings", account.activities(account.deal(number), "meetings")[0])
    account.clock.tick(60)
    account.run()  # asked for: at once
    account.assert_true()
    for number in (2, 278, 282, 419):
        account.data.archive("meetings", account.activities(account.deal(number), "meetings")[0])
    calls, seconds = 0, 0
    while not account.is_true():
        for _ in range(6):
            account.hubspot.calls.clear()
            account.clock.tick(300)
            seconds += 300
            assert seconds <= 6 * 3600
            job = account.run_whatever(JobType.SCHEDULED)
            assert job.status is JobStatus.COMPLETED
            calls += account.hubspot.calls.count("associations") + account.hubspot.calls.count("batch_read")
    # 2,880 calls a day are 10 in 300 s, half of them for this.
    assert calls <= seconds / 300 * 5 + 9


def test_the_log_tells_it_once(synced: Account, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        synced.clock.tick(60)
        synced.run()
    assert len([one for one in caplog.records if "does not list archived meetings" in one.getMessage()]) == 1
