"""One type of records that HubSpot refuses keeps nothing else waiting, and nothing is done twice because of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.jobs import Job, JobStatus, JobType
from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import V2
from tests.integration.sync.changes import add_deal, archive_deal, associate, update_deal
from tests.integration.sync.harness import Account, MakeAccount, some_deals

SCOPES = {
    "status": "error",
    "category": "MISSING_SCOPES",
    "errors": [{"context": {"requiredGranularScopes": ["sales-email-read"]}}],
}

#: Every call about e-mails; none of them is asked for by another type.
EMAILS = "emails"

pytestmark = pytest.mark.usefixtures("no_pauses")


def refuse(account: Account, match: str = EMAILS, status: int = 403, **more: Any) -> None:
    body = SCOPES if status == 403 else None
    account.hubspot.faults.add(Fault(match, status, body=body, **more))


def without(account: Account, *kinds: str) -> dict[str, Any]:
    """Return what HubSpot has, and what MongoDB has, without some types."""
    return {
        name: {deal: [row for row in rows if row[2] not in kinds] for deal, rows in truth.items()}
        for name, truth in (("truth", account.truth()), ("stored", account.stored()))
    }


def assert_true_without(account: Account, *kinds: str) -> None:
    found = without(account, *kinds)
    assert found["stored"] == found["truth"]


def failed(job: Job, *reasons: str) -> Job:
    assert job.status is JobStatus.FAILED
    for reason in reasons:
        assert reason in (job.error or "")
    return job


def synced_at(account: Account, deal_id: str) -> Any:
    return account.service.database.deal_info.find_one({"deal_id": deal_id}).get("timeline_synced_at")


@pytest.mark.parametrize(
    ("kind", "match", "status"),
    [
        ("emails", "/{}", 403),
        ("meetings", "/{}", 403),
        ("notes", "{}/batch/read", 500),
        ("postal_mail", "{}/search", 500),
        ("meetings", "deals/{}/batch/read", 400),
        ("emails", "associations/{}/deals", 403),
    ],
    ids=["scope", "scope of a type whose archived are not listed", "batch read", "search", "associations", "its deals"],
)
def test_an_incremental_sync_does_all_else(synced: Account, kind: str, match: str, status: int) -> None:
    before = synced.storage.sync_state.load().watermark
    for change in (update_deal, add_deal, archive_deal, associate):
        change(synced)
    for one in ENGAGEMENT_TYPES:
        synced.data.add_activity(one, deals=[synced.deal(5)])
        synced.data.archive(one, synced.activities(synced.deal(7), one)[0])
    synced.clock.tick(1)
    refuse(synced, match.format(kind), status)
    failed(synced.run_whatever(), kind, str(status))
    assert_true_without(synced, kind)
    # Nobody may take the answers for up to date: a failed sync moves nothing.
    assert synced.storage.sync_state.load().watermark == before
    # What was not read is found as soon as it is given, and nothing else is looked for again.
    synced.hubspot.faults.clear()
    synced.settle()
    synced.run()
    synced.assert_true()
    assert synced.storage.sync_state.load().watermark > before


def test_the_reason_tells_an_operator_what_to_do(synced: Account) -> None:
    refuse(synced)
    job = failed(synced.run_whatever(), "emails cannot be read", "sales-email-read", "Give the token this right")
    assert job.message == "all else is done; the next sync goes on with what is missing"


def test_events_that_were_there_stay_and_their_deals_stay_readable(synced: Account) -> None:
    synced.data.add_activity("notes", deals=[synced.deal(1)])
    synced.data.update("deals", synced.deal(1), {"dealstage": "closedwon"})
    synced.clock.tick(1)
    refuse(synced)
    for kind in (JobType.INCREMENTAL, JobType.FULL):
        failed(synced.run_whatever(kind))
        synced.settle()
        timeline = synced.service.get(V2 + "deal-timeline", dealId=synced.deal(1)).get_json()
        assert len(timeline["events"]) == 8
        assert {"Outgoing Email"} <= {event["type"] for event in timeline["events"]}
    # A reader who wants HubSpot's word is told that it cannot be had; others get MongoDB's.
    assert synced.service.get("deal-timeline", dealId=synced.deal(1)).headers["X-Cache-Tier"] == "mongodb"
    assert synced.service.get("deal-timeline", dealId=synced.deal(1), refresh="true").status_code == 502


@pytest.mark.parametrize("match", [EMAILS, "deals/emails/batch/read", "emails/batch/read"])
@pytest.mark.parametrize("kind", [JobType.INCREMENTAL, JobType.FULL])
def test_a_first_load_stores_all_else_and_is_not_repeated(account: Account, kind: JobType, match: str) -> None:
    refuse(account, match)
    failed(account.run_whatever(kind), "emails")
    assert_true_without(account, "emails")
    # A deal that was never complete is not called so: readers ask HubSpot, as before.
    assert synced_at(account, account.deal(1)) is None
    assert account.service.get("deal-info", dealId=account.deal(1)).status_code == 502
    account.settle()
    failed(account.run_whatever(), "emails")
    others = [call.kind for call in account.hubspot.calls if "emails" not in call.path]
    # One search for each type, and perhaps one of the abandoned load of the reader above.
    assert others.count("search") <= 7 + 1
    # The meetings, whose archived ones are not listed, whether there are deals at all, and perhaps that load's own two.
    assert others.count("batch_read") <= 2 + 2
    account.hubspot.faults.clear()
    account.settle()
    account.run()
    account.assert_true()
    assert sum(call.inputs for call in account.hubspot.calls if call.kind == "batch_read") == 12 + 12
    assert synced_at(account, account.deal(1)) is not None
    account.hubspot.calls.clear()
    assert account.service.get("deal-info", dealId=account.deal(1)).status_code == 200
    assert account.hubspot.calls.count() == 0


def test_a_full_load_after_one_that_failed_reads_no_activity_again(make_account: MakeAccount) -> None:
    account = make_account(some_deals(250))
    refuse(account)
    failed(account.run_whatever(JobType.FULL))
    account.hubspot.faults.clear()
    account.settle()
    account.run(JobType.FULL)
    account.assert_true()
    assert {call.path for call in account.hubspot.calls if call.kind == "batch_read"} == {
        "/crm/v3/objects/emails/batch/read"
    }
    # One that follows a good one reads everything again.
    account.settle()
    account.run(JobType.FULL)
    assert account.hubspot.calls.count("batch_read") == 7 * 3


def test_a_full_load_lets_go_what_is_gone_of_the_other_types(synced: Account) -> None:
    archive_deal(synced)
    for kind in ENGAGEMENT_TYPES:
        synced.data.disassociate("deals", synced.deal(2), kind, synced.activities(synced.deal(2), kind)[0])
    synced.clock.tick(1)
    refuse(synced)
    failed(synced.run_whatever(JobType.FULL))
    assert_true_without(synced, "emails")
    assert [row[2] for row in synced.stored()[synced.deal(2)]] == ["emails"]
    synced.hubspot.faults.clear()
    synced.settle()
    synced.run()
    synced.assert_true()


def test_a_type_that_is_given_again_soon_is_read_by_the_same_job(account: Account) -> None:
    account.hubspot.faults.add(Fault("emails/batch/read", 503, times=16))
    account.run()
    account.assert_true()


def test_confirming_and_scheduled_syncs_and_those_of_some_days(synced: Account) -> None:
    add_deal(synced)
    synced.data.add_activity("notes", deals=[synced.deal(5)])
    synced.clock.tick(1)
    refuse(synced)
    for kind, parameters in ((JobType.SINCE, {"epoch_days": 1}), (JobType.SCHEDULED, {}), (JobType.CONFIRM, {})):
        failed(synced.run_whatever(kind, **parameters), "emails")
        synced.clock.tick(61)  # until the confirming pass is due
        assert_true_without(synced, "emails")
    synced.hubspot.faults.clear()
    synced.settle()
    synced.run(JobType.SCHEDULED)
    synced.assert_true()


@pytest.mark.parametrize("select", ["deal", "stage", "dates"])
def test_syncs_of_some_deals(synced: Account, select: str) -> None:
    synced.data.add_activity("notes", deals=[synced.deal(5)])
    stage = synced.data.existing("deals", synced.deal(5)).properties["dealstage"]
    synced.clock.tick(1)
    refuse(synced)
    today = datetime.fromtimestamp(synced.clock(), UTC).date()
    jobs: dict[str, Callable[[], Job]] = {
        "deal": lambda: synced.run_whatever(JobType.DEAL, deal=synced.deal(5)),
        "stage": lambda: synced.run_whatever(JobType.STAGE, stage=stage),
        "dates": lambda: synced.run_whatever(JobType.ALL_STAGES_DATE, first_day=today, last_day=today),
    }
    failed(jobs[select](), "emails")
    assert_true_without(synced)


def test_changed_activities_are_stored_while_deals_cannot_be_searched(synced: Account) -> None:
    add_deal(synced)
    synced.data.add_activity("notes", deals=[synced.deal(5)])
    update_deal(synced)
    synced.clock.tick(1)
    refuse(synced, "deals/search", 500)
    failed(synced.run_whatever(), "deals cannot be read")
    assert len(synced.stored()[synced.deal(5)]) == 8
    synced.hubspot.faults.clear()
    synced.settle()
    synced.run()
    synced.assert_true()


def test_deals_that_cannot_be_read_are_not_forgotten(synced: Account) -> None:
    deal_id = str(synced.data.add_deal("Old", created_at=1_700_000_000.0))
    synced.data.add_activity("notes", deals=[deal_id, synced.deal(5)])
    synced.clock.tick(1)
    refuse(synced, "objects/deals/batch/read", 500)
    failed(synced.run_whatever(), "deals cannot be read")
    assert len(synced.stored()[synced.deal(5)]) == 8
    synced.hubspot.faults.clear()
    synced.settle()
    synced.run(JobType.SCHEDULED)
    synced.assert_true()


@pytest.mark.parametrize("what", ["owners", "pipelines"])
@pytest.mark.parametrize("status", [403, 500])
def test_names_that_are_refused_keep_no_record_waiting(account: Account, what: str, status: int) -> None:
    refuse(account, what, status)
    job = account.run()
    account.assert_true()
    assert [one for one in job.progress.warnings if f"({what}: " in one]
    add_deal(account)
    account.clock.tick(1)
    account.run()
    account.assert_true()
