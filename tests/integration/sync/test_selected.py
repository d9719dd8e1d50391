"""Syncs of some deals: one, those of a stage, those that had to do with some days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dealcache.model.jobs import JobStatus, JobType
from tests.integration.sync.harness import LONG_AGO, Account, MakeAccount, some_deals

NEW_YORK = ZoneInfo("America/New_York")
STAGE, OTHER_STAGE = "appointmentscheduled", "contractsent"


def read(account: Account) -> set[str]:
    """The deals whose activities are stored."""
    found = account.service.database.deal_info.find({"timeline_synced_at": {"$ne": None}})
    return {one["deal_id"] for one in found}


def assert_true_of(account: Account, *deal_ids: str) -> None:
    truth, stored = account.truth(), account.stored()
    for deal_id in deal_ids:
        assert stored[deal_id] == truth[deal_id]


@pytest.mark.parametrize("deal", ["Deal 3", "deal 3", "1003"])
def test_one_deal_by_name_or_id(account: Account, deal: str) -> None:
    job = account.run(JobType.DEAL, deal=deal)
    assert read(account) == {"1003"}
    assert_true_of(account, "1003")
    assert (job.progress.deals_read, job.progress.activities_read) == (1, 7)


def test_a_name_that_is_only_digits(account: Account) -> None:
    named = account.data.add_deal("20261101")
    account.data.add_activity("notes", deals=[named])
    account.run(JobType.DEAL, deal="20261101")
    assert read(account) == {named}
    assert_true_of(account, named)


def test_an_id_wins_over_a_name_of_the_same_digits(account: Account) -> None:
    account.data.add_deal("1003")
    account.run(JobType.DEAL, deal="1003")
    assert read(account) == {"1003"}


def test_homonyms_are_all_read(account: Account) -> None:
    twins = {account.data.add_deal("Twin"), account.data.add_deal("TWIN")}
    account.run(JobType.DEAL, deal="twin")
    assert read(account) == twins


def test_an_unknown_deal_fails_and_says_so(synced: Account) -> None:
    for deal in ("No such deal", "999"):
        job = synced.run_whatever(JobType.DEAL, deal=deal)
        assert job.status is JobStatus.FAILED
        assert job.error == f"neither HubSpot nor MongoDB knows a deal of the name or id {deal!r}"


@pytest.mark.parametrize("deal", ["1003", "Deal 3"])
def test_an_archived_deal_is_noted_as_archived(synced: Account, deal: str) -> None:
    synced.data.archive("deals", "1003")
    synced.clock.tick(1)
    job = synced.run(JobType.DEAL, deal=deal)
    assert job.message == "the deal is archived in HubSpot"
    synced.assert_true()
    assert synced.run(JobType.DEAL, deal="1003").message == "the deal is archived in HubSpot"


@pytest.mark.parametrize("index_lag", [0, 30])
@pytest.mark.parametrize("deal", ["1003", "Deal 3"])
def test_a_deal_sync_sees_what_no_search_finds(make_account: MakeAccount, deal: str, index_lag: float) -> None:
    account = make_account(index_lag=index_lag)
    account.run()
    account.settle()
    data = account.data
    data.archive("notes", account.activities("1003")[0])
    data.associate("deals", "1003", "emails", account.activities("1004", "emails")[0])
    data.disassociate("deals", "1003", "calls", account.activities("1003", "calls")[0])
    data.update("tasks", account.activities("1003", "tasks")[0], {"hs_timestamp": "2026-03-04T05:06:07.000Z"})
    account.clock.tick(1)
    account.run(JobType.DEAL, deal=deal)
    account.assert_true()


def test_a_deal_that_was_renamed_just_now_is_found_by_either_name(make_account: MakeAccount) -> None:
    account = make_account(index_lag=30)
    account.run()
    account.settle()
    account.data.update("deals", "1003", {"dealname": "Fresh"})
    account.clock.tick(1)
    account.run(JobType.DEAL, deal="Deal 3")
    account.assert_true()
    account.data.update("deals", "1003", {"dealname": "Fresher"})
    account.clock.tick(31)
    account.run(JobType.DEAL, deal="Fresher")
    account.assert_true()


def in_stages(account: Account) -> None:
    """Deals 1 to 4 stand in one stage, the others in another one."""
    for number in range(5, 13):
        account.data.update("deals", account.deal(number), {"dealstage": OTHER_STAGE}, modified_at=LONG_AGO)


def numbered(account: Account, *numbers: int) -> set[str]:
    return {account.deal(number) for number in numbers}


@pytest.mark.parametrize("stage", ["Appointment Scheduled", "APPOINTMENT scheduled", "appointmentscheduled"])
def test_the_deals_of_a_stage(account: Account, stage: str) -> None:
    in_stages(account)
    account.sync.labels.fill(account.storage.labels.read_at())
    account.run(JobType.STAGE, stage=stage)
    assert read(account) == numbered(account, 1, 2, 3, 4)
    assert_true_of(account, *read(account))


def test_deals_that_left_a_stage_or_came_into_it_a_moment_ago(make_account: MakeAccount) -> None:
    account = make_account(index_lag=30)
    in_stages(account)
    account.clock.tick(60)
    account.run()
    account.settle()
    account.data.update("deals", "1001", {"dealstage": OTHER_STAGE})
    account.data.disassociate("deals", "1002", "notes", account.activities("1002")[0])
    account.data.archive("deals", "1003")
    account.clock.tick(1)
    account.run(JobType.STAGE, stage=STAGE)
    account.assert_true()


def test_the_deals_of_a_stage_that_changed_in_the_last_days(account: Account) -> None:
    account.sync.labels.fill(account.storage.labels.read_at())
    in_stages(account)
    now = account.clock()
    account.data.update("deals", "1001", {"amount": "1"}, modified_at=now - 1.9 * 86400)
    account.data.update("deals", "1002", {"amount": "1"}, modified_at=now - 2.1 * 86400)
    account.data.update("deals", "1005", {"amount": "1"}, modified_at=now - 60)
    account.run(JobType.STAGE, stage=STAGE, epoch_days=2)
    assert read(account) == {"1001"}
    account.run(JobType.STAGE, stage=STAGE, epoch_days=3)
    assert read(account) == {"1001", "1002"}


DAY = date(2026, 3, 5)


def at(hour: int, minute: int, day: date = DAY, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


def happens(account: Account, number: int, moment: datetime) -> None:
    """A deal gets an activity that happens at a moment; neither was changed lately."""
    stamp = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    deals = [account.deal(number)]
    account.data.add_activity("calls", {"hs_timestamp": stamp}, deals=deals, created_at=LONG_AGO)


def changes(account: Account, number: int, moment: datetime) -> None:
    account.data.update("deals", account.deal(number), {"amount": "7"}, modified_at=moment.timestamp())


@pytest.fixture
def american(make_account: MakeAccount) -> Account:
    """An account whose days are those of New York; some of its deals had to do with a certain day."""
    account = make_account(some_deals(12), TIMELINE_TIMEZONE="America/New_York")
    account.sync.labels.fill(account.storage.labels.read_at())
    day = timedelta(days=1)
    happens(account, 1, at(0, 0))
    happens(account, 2, at(23, 30))  # already the next day in UTC
    happens(account, 3, at(23, 59, DAY - day))
    happens(account, 4, at(0, 0, DAY + day))
    changes(account, 5, at(23, 30))
    changes(account, 6, at(23, 59, DAY - day))
    changes(account, 7, at(0, 0, DAY + day))
    note = account.activities(account.deal(8))[0]
    account.data.update("notes", note, {"hs_note_body": "x"}, modified_at=at(12, 0).timestamp())
    for number in (2, 3, 5, 9):
        changed = account.data.existing("deals", account.deal(number)).updated_at
        when = datetime.fromisoformat(changed).timestamp()
        account.data.update("deals", account.deal(number), {"dealstage": OTHER_STAGE}, modified_at=when)
    return account


def test_all_deals_that_had_to_do_with_a_day(american: Account) -> None:
    american.run(JobType.ALL_STAGES_DATE, first_day=DAY, last_day=DAY)
    assert read(american) == numbered(american, 1, 2, 5, 8)
    assert_true_of(american, *read(american))


def test_the_deals_of_a_stage_that_had_to_do_with_a_day(american: Account) -> None:
    american.run(JobType.STAGE_DATES, stage=OTHER_STAGE, first_day=DAY, last_day=DAY)
    assert read(american) == numbered(american, 2, 5)


def test_the_deals_of_a_stage_that_had_to_do_with_some_days(american: Account) -> None:
    last = DAY + timedelta(days=1)
    american.run(JobType.STAGE_DATES, stage=STAGE, first_day=DAY, last_day=last)
    assert read(american) == numbered(american, 1, 4, 7, 8)


def test_a_day_in_another_zone_holds_other_deals(make_account: MakeAccount) -> None:
    account = make_account(some_deals(2), TIMELINE_TIMEZONE="UTC")
    account.sync.labels.fill(account.storage.labels.read_at())
    happens(account, 1, at(23, 30))
    account.run(JobType.ALL_STAGES_DATE, first_day=DAY, last_day=DAY)
    assert read(account) == set()
    account.run(JobType.ALL_STAGES_DATE, first_day=DAY, last_day=DAY + timedelta(days=1))
    assert read(account) == {"1001"}


def test_a_day_that_a_stored_activity_has_left_is_looked_at_too(american: Account) -> None:
    """By the search alone the deal has nothing to do with the day any more, and keeps the event on it."""
    american.run(JobType.FULL)
    american.settle()
    call = next(one for one in american.activities("1001", "calls") if american_day(american, one) == DAY)
    american.data.archive("calls", call)
    american.clock.tick(1)
    american.run(JobType.ALL_STAGES_DATE, first_day=DAY, last_day=DAY)
    american.assert_true()


def american_day(account: Account, call: str) -> date:
    stamp = account.data.existing("calls", call).properties["hs_timestamp"]
    assert stamp is not None
    return datetime.fromisoformat(stamp).astimezone(NEW_YORK).date()


def test_a_deal_because_of_a_day_is_read_whole(american: Account) -> None:
    american.run(JobType.DEAL_DATE, deal="Deal 9", first_day=DAY, last_day=DAY)
    assert read(american) == {"1009"}
    assert_true_of(american, "1009")


@pytest.mark.parametrize(("pipelines", "kind"), [(6, "days"), (7, "since"), (6, "all"), (120, "days")])
def test_a_stage_that_many_pipelines_share(make_account: MakeAccount, pipelines: int, kind: str) -> None:
    """With a date and an id to go on from, five stages would make a search of twenty filters."""
    data = some_deals(1)
    for number in range(pipelines):
        stage = {**data.pipelines[0]["stages"][0], "id": f"shared{number}", "label": "Shared"}
        data.pipelines.append({**data.pipelines[0], "id": f"p{number}", "stages": [stage]})
    account = make_account(data)
    account.run()
    account.settle()
    now = account.clock()
    deals = {
        data.add_deal(
            f"New {number}", {"pipeline": f"p{number % pipelines}", "dealstage": f"shared{number % pipelines}"}
        )
        for number in range(401)
    }
    today = datetime.fromtimestamp(now, UTC).date()
    request = {
        "days": (JobType.STAGE_DATES, {"first_day": today, "last_day": today + timedelta(days=1)}),
        "since": (JobType.STAGE, {"epoch_days": 2}),
        "all": (JobType.STAGE, {}),
    }[kind]
    account.clock.tick(60)

    job = account.run(request[0], stage="shared", **request[1])

    assert deals <= read(account)
    assert job.progress.deals_read == 401
    statuses = {one.status for one in account.hubspot.calls if one.kind == "search"}
    assert statuses == {200}
