"""Single records that HubSpot itself cannot read: a warning, and everything else."""

from __future__ import annotations

import pytest

from dealcache.model.jobs import JobType
from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import V2
from tests.integration.sync.changes import add_activity, update_deal
from tests.integration.sync.harness import Account, MakeAccount, some_deals

pytestmark = pytest.mark.usefixtures("no_second_try")


def stored_ids(account: Account, deal_id: str) -> set[tuple[str, str]]:
    return {(kind, one) for _, one, kind in account.stored()[deal_id]}


@pytest.mark.parametrize("status", [400, 500, 504])
@pytest.mark.parametrize("kind", ["emails", "notes"])
def test_one_activity_of_a_hundred(make_account: MakeAccount, kind: str, status: int) -> None:
    account = make_account(some_deals(120, kinds=("emails", "notes")))
    (bad,) = account.activities(account.deal(77), kind)
    account.hubspot.faults.add(Fault(f"{kind}/batch/read", status, record=bad))
    job = account.run(JobType.FULL)
    (warning,) = job.progress.warnings
    assert (kind in warning, f"id {bad}:" in warning, str(status) in warning) == (True, True, True)
    truth = account.truth()
    truth[account.deal(77)] = [row for row in truth[account.deal(77)] if row[1:] != (bad, kind)]
    assert account.stored() == truth
    assert account.service.get(V2 + "deal-info", dealId=account.deal(77)).get_json()["activityCount"] == 1
    assert account.hubspot.calls.count("batch_read") < 120
    # When it can be read it is: nothing has to be asked for.
    account.hubspot.faults.clear()
    account.settle()
    account.run()
    account.assert_true()


def test_an_event_that_was_there_stays(synced: Account) -> None:
    (bad,) = synced.activities(synced.deal(1), "meetings")
    synced.hubspot.faults.add(Fault("meetings/batch/read", 500, record=bad))
    for kind in (JobType.FULL, JobType.INCREMENTAL, JobType.INCREMENTAL):
        update_deal(synced)
        synced.clock.tick(60)
        job = synced.run(kind)
        assert ("meetings", bad) in stored_ids(synced, synced.deal(1))
        # A sync that does not know yet that archived meetings are not listed does not read them again.
        if kind is JobType.FULL:
            assert [one for one in job.progress.warnings if f"meetings, id {bad}" in one]
    assert [one for one in job.progress.warnings if f"meetings, id {bad}" in one]
    synced.run(JobType.DEAL, deal=synced.deal(1))
    synced.assert_true()


def test_the_only_new_activity(synced: Account) -> None:
    deal = str(synced.data.add_deal("New"))
    bad = str(synced.data.add_activity("emails", deals=[deal], modified_at=1_700_000_000.0))
    synced.hubspot.faults.add(Fault("emails/batch/read", 500, record=bad))
    add_activity(synced)
    synced.clock.tick(1)
    before = synced.storage.sync_state.load().watermark
    job = synced.run()
    assert [one for one in job.progress.warnings if f"emails, id {bad}" in one]
    assert synced.storage.sync_state.load().watermark > before


@pytest.mark.parametrize("status", [400, 500])
def test_the_associations_of_one_deal(make_account: MakeAccount, status: int) -> None:
    account = make_account(some_deals(300, kinds=("emails", "notes")))
    bad = account.deal(123)
    account.hubspot.faults.add(Fault("associations/deals/emails", status, record=bad))
    job = account.run(JobType.FULL)
    assert [one for one in job.progress.warnings if f"emails of deals, id {bad}" in one]
    truth = account.truth()
    truth[bad] = [row for row in truth[bad] if row[2] != "emails"]
    assert account.stored() == truth
    # It is not complete, so readers ask HubSpot.
    document = account.service.database.deal_info.find_one({"deal_id": bad})
    assert "timeline_synced_at" not in document
    assert account.hubspot.calls.count("associations") < 7 + 7 * 25
    account.settle()
    account.run()
    account.hubspot.faults.clear()
    account.settle()
    account.run()
    account.assert_true()


def test_one_deal_that_cannot_be_read_is_neither_changed_nor_archived(synced: Account) -> None:
    bad = synced.deal(1)
    update_deal(synced)
    synced.data.update("deals", synced.deal(2), {"dealname": "Renamed too"})
    synced.clock.tick(1)
    synced.hubspot.faults.add(Fault("objects/deals/batch/read", 500, record=bad))
    job = synced.run()
    assert [one for one in job.progress.warnings if f"deals, id {bad}" in one]
    names = {one["deal_id"]: one["deal_name"] for one in synced.service.database.deal_info.find({"archived": False})}
    assert (names[bad], names[synced.deal(2)]) == ("Deal 1", "Renamed too")


def test_the_deals_of_one_activity(synced: Account) -> None:
    first, second = synced.activities(synced.deal(1))[0], synced.activities(synced.deal(2))[0]
    for one in (first, second):
        synced.data.update("notes", one, {"hs_note_body": "changed"})
    synced.clock.tick(1)
    synced.hubspot.faults.add(Fault("associations/notes/deals", 400, record=first))
    job = synced.run()
    assert [one for one in job.progress.warnings if f"deals of notes, id {first}" in one]
    contents = {
        one["engagement_id"]: one["content"]
        for one in synced.service.database.deal_timeline.find({"engagement_type": "notes"})
    }
    assert contents[second] == "changed"
