"""Incremental sync: whatever changed since the last one is there after the next, however it changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import V1, V2, VIEWS, event_ids
from tests.integration.sync.changes import (
    CHANGES,
    CHANGES_AFTER_EACH_OTHER,
    Change,
    add_activity,
    add_activity_without_deal,
    add_deal,
    archive_activities,
    associate,
    disassociate,
    move_activity,
    update_activity,
    update_deal,
)
from tests.integration.sync.harness import LONG_AGO, Account, MakeAccount, event_ids_of, some_deals

HORIZON = timedelta(seconds=300)

#: The calls of every sync for owners, stages and pipelines.
LABELS = {"owners": 2, "pipelines": 2}


def now(account: Account) -> datetime:
    return datetime.fromtimestamp(account.clock(), UTC)


def watermark(account: Account) -> datetime | None:
    return account.storage.sync_state.load().watermark


def contents(account: Account) -> dict[int, Any]:
    """Return what HubSpot has of each of the first deals."""
    truth, deals = account.truth(), {number: account.deal(number) for number in range(1, 13)}
    return {
        number: (truth[one], dict(account.data.existing("deals", one).properties)) if one in truth else None
        for number, one in deals.items()
    }


def touched(before: dict[int, Any], after: dict[int, Any]) -> list[int]:
    """Return the deals whose contents differ, and two of the others."""
    changed = [number for number in before if before[number] != after[number]]
    return changed + [number for number in before if number not in changed][:2]


def shown(account: Account, base: str, numbers: Iterable[int] = range(1, 13)) -> list[Any]:
    """Return what readers see of some of those deals, by id and by name: the status, and the JSON of good answers."""
    queries = [{"dealId": account.deal(number)} for number in numbers]
    queries += [{"dealName": f"Deal {number}"} for number in numbers]
    responses = [account.service.get(base + view, **query) for query in queries for view in VIEWS]
    return [(one.status_code, one.get_json() if one.status_code == 200 else None) for one in responses]


def test_the_first_run_loads_everything(account: Account) -> None:
    job = account.run()
    account.assert_true()
    assert account.hubspot.calls.count("search") == 0
    assert (job.progress.deals_read, job.progress.activities_read) == (12, 84)
    assert watermark(account) == now(account) - HORIZON


#: Those that leave the deals of the others be are made one after the other; all others on deals just synced.
@pytest.mark.parametrize(
    "changes", [CHANGES_AFTER_EACH_OTHER, *((one,) for one in CHANGES if one not in CHANGES_AFTER_EACH_OTHER)]
)
def test_a_change_a_second_ago_is_seen_after_one_run_and_nothing_old_is(
    synced: Account, changes: tuple[Change, ...]
) -> None:
    shown(synced, V1)  # all is in memory
    for change in changes:
        before = contents(synced)
        change(synced)
        numbers = touched(before, contents(synced))
        synced.clock.tick(1)
        if change is not add_activity_without_deal:
            assert not synced.is_true(), change
        synced.run()
        synced.assert_true()
        for deal_id, rows in synced.truth().items():
            stored = synced.service.get(V2 + "deal-timeline", dealId=deal_id)
            assert event_ids(stored) == event_ids_of(rows), change
        assert shown(synced, V1, numbers) == shown(synced, V2, numbers), change
        synced.clock.tick(60)
        assert synced.run().progress.deals_changed == 0, change


@pytest.mark.parametrize("kind", ["deals", "notes"])
def test_what_is_restored_comes_back(synced: Account, kind: str) -> None:
    one = synced.deal(1) if kind == "deals" else synced.activities(synced.deal(1))[0]
    synced.data.archive(kind, one)
    synced.clock.tick(1)
    synced.run()
    synced.assert_true()
    synced.data.restore(kind, one)
    synced.clock.tick(60)
    assert synced.truth() != synced.stored()
    synced.run()
    synced.assert_true()


def test_nothing_changed_takes_few_calls_and_changes_nothing(synced: Account) -> None:
    job = synced.run()
    assert job.progress.deals_changed == 0
    # A search and a list of what is archived for deals and each type; the associations of all deals, and the meetings,
    # whose archived records HubSpot does not list.
    assert synced.hubspot.calls.counts() == LABELS | {"search": 8, "list": 8, "associations": 7, "batch_read": 1}


def test_the_watermark_moves_to_now_less_the_horizon(synced: Account) -> None:
    synced.clock.tick(3600)
    job = synced.run()
    assert watermark(synced) == now(synced) - HORIZON
    assert job.since == now(synced) - timedelta(seconds=3660) - HORIZON


@pytest.mark.usefixtures("no_second_try")
@pytest.mark.parametrize("kind", ["search", "batch_read", "associations"])
def test_a_run_that_fails_leaves_the_watermark(synced: Account, kind: str) -> None:
    before = watermark(synced)
    add_deal(synced)
    update_activity(synced)
    synced.clock.tick(3600)
    failed_at = now(synced)
    synced.hubspot.faults.add(Fault(kind, 503, skip=1 if kind == "batch_read" else 7))
    assert synced.run_whatever().status is JobStatus.FAILED
    assert watermark(synced) == before
    synced.hubspot.faults.clear()
    synced.clock.tick(3600)
    assert synced.run().since == (failed_at - HORIZON if kind == "batch_read" else before)
    assert watermark(synced) == now(synced) - HORIZON
    synced.assert_true()


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("kind", ["search", "batch_read", "associations", "list"])
def test_a_run_goes_on_after_failures_that_pass(synced: Account, kind: str) -> None:
    add_deal(synced)
    update_activity(synced)
    synced.clock.tick(1)
    synced.hubspot.faults.add(Fault(kind, 503, skip=2, times=24))  # each call is tried eight times
    job = synced.run()
    assert job.attempts == 1
    synced.assert_true()


def test_what_the_index_shows_late_is_found_by_the_confirming_pass(make_account: MakeAccount) -> None:
    account = make_account(index_lag=30)
    account.run()
    account.settle()
    for change in (update_deal, update_activity, add_activity):
        change(account)
    account.clock.tick(1)
    account.run()
    assert account.truth() != account.stored()
    job = account.confirm()
    assert (job.status, job.request.type) == (JobStatus.COMPLETED, JobType.CONFIRM)
    account.assert_true()


def test_what_the_index_shows_still_later_is_found_within_the_horizon(make_account: MakeAccount) -> None:
    account = make_account(index_lag=290)
    account.run()
    account.settle()
    update_activity(account)
    for _ in range(5):
        account.clock.tick(59)
        account.run()
    account.assert_true()


def test_runs_one_after_the_other_are_confirmed_after_the_last(synced: Account) -> None:
    for _ in range(3):
        synced.clock.tick(30)
        synced.run()
        _, (confirming,) = synced.storage.sync_jobs.list(JobStatus.QUEUED, 10)
        assert confirming.due_at == now(synced) + timedelta(seconds=60)
        assert synced.claim() is None


@pytest.mark.usefixtures("short_searches", "short_chunks")
def test_more_activities_with_one_modified_date_than_a_search_gives_are_all_found(synced: Account) -> None:
    moment = synced.clock() - 1
    for number in range(1_200):
        synced.data.add_activity("tasks", deals=[synced.deal(1 + number % 12)], modified_at=moment)
    job = synced.run()
    synced.assert_true()
    assert job.progress.activities_read == 1_200 + 12
    # 6 pages of 200, no empty one; the associations of 200 at a time; nothing is read by id.
    # Then the lists of archived records, and the associations of all deals, of which each has 101 tasks by now, and
    # their meetings.
    assert synced.hubspot.calls.counts() == LABELS | {
        "search": 6 + 7,
        "associations": 6 + 7 + 1,
        "list": 8,
        "batch_read": 1,
    }


@pytest.mark.usefixtures("short_searches")
def test_more_deals_in_a_window_than_a_search_gives_are_all_found(synced: Account) -> None:
    start = synced.clock() - 200
    for number in range(1_100):
        synced.data.add_deal(f"Bulk {number}", created_at=LONG_AGO, modified_at=start + number / 10)
    job = synced.run()
    synced.assert_true()
    assert job.progress.deals_read >= 1_100
    assert synced.hubspot.calls.count("search") == 6 + 7


def test_changes_of_the_last_days_can_be_asked_for(synced: Account) -> None:
    """HubSpot dates no change back, but a search index may have been behind for longer than anybody thought."""
    (note,) = synced.activities(synced.deal(1))
    synced.data.update("notes", note, {"hs_note_body": "x"}, modified_at=synced.clock() - 1.5 * 86400)
    synced.run()
    assert not stored_note(synced, note).endswith("x")
    before = watermark(synced)
    synced.clock.tick(1)
    synced.run(JobType.SINCE, epoch_days=1)
    assert not stored_note(synced, note).endswith("x")
    synced.run(JobType.SINCE, epoch_days=2)
    assert stored_note(synced, note).endswith("x")
    synced.assert_true()
    # A window that reaches back beyond the watermark has left nothing out.
    assert watermark(synced) > before


def stored_note(account: Account, note: str) -> str:
    return account.service.database.deal_timeline.find_one({"engagement_type": "notes", "engagement_id": note})[
        "content"
    ]


def test_scheduled_runs_spend_no_more_on_what_no_search_finds_than_they_may(synced: Account) -> None:
    synced.run(JobType.SCHEDULED)
    archive_activities(synced)
    associate(synced)
    disassociate(synced)
    synced.settle()
    synced.run(JobType.SCHEDULED)
    # 10,000 calls a day are 7 a minute: not worth beginning with.
    assert synced.hubspot.calls.counts() == LABELS | {"search": 8}
    assert not synced.is_true()
    synced.clock.tick(180)
    synced.run(JobType.SCHEDULED)
    synced.assert_true()


def test_what_the_search_finds_is_enough_for_activities_and_their_deals(make_account: MakeAccount) -> None:
    account = make_account(SYNC_REREAD_CALLS="0")
    account.run()
    account.settle()
    move_activity(account)
    # A deal that was not there before, such as one that was restored, with an activity of old and a new one.
    deal_id = account.data.add_deal("Old", created_at=LONG_AGO)
    account.data.associate("deals", deal_id, "emails", account.activities(account.deal(1), "emails")[0])
    account.data.add_activity("calls", deals=[deal_id])
    account.clock.tick(1)
    account.run(JobType.SCHEDULED)
    account.assert_true()
    assert account.hubspot.calls.count("list") == 0


@pytest.mark.usefixtures("short_chunks")
def test_scheduled_runs_go_through_all_lists_and_deals_bit_by_bit(make_account: MakeAccount) -> None:
    account = make_account(some_deals(420, kinds=("notes",)), SYNC_REREAD_CALLS="2880")
    account.run()
    account.settle()
    lose_notes(account, 5, 300, 420)
    account.run(JobType.SCHEDULED)
    account.assert_true()
    lose_notes(account, 6, 320, 400)
    for _ in range(3):
        account.hubspot.calls.clear()
        account.clock.tick(600)  # 20 calls, half of them for associations: those of 200 deals
        account.run(JobType.SCHEDULED)
        assert account.hubspot.calls.count("associations") == 7
    account.assert_true()


def lose_notes(account: Account, *numbers: int) -> None:
    """Deals of :func:`some_deals` lose their only note, without a change of their own or the note's modified date."""
    for deal_id in map(account.deal, numbers):
        account.data.disassociate("deals", deal_id, "notes", account.activities(deal_id)[0])
