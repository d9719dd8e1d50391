"""The full load: everything that HubSpot has, by no more calls than it takes, and nothing that it has no longer."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Any

import pytest

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import Dataset, Fault, demo_data, demo_deal_id
from dealcache.sync import full
from tests.integration.conftest import Profiled
from tests.integration.service.harness import V1, V2, assert_problem, event_ids
from tests.integration.sync.harness import Account, MakeAccount, event_ids_of, some_deals


def minimum(account: Account) -> Counter[str]:
    """The calls of a full load by kind: for all deals and all their activities, each read once."""
    truth = account.truth()
    activities = {(kind, one) for rows in truth.values() for _, one, kind in rows}
    by_type = Counter(kind for kind, _ in activities)
    by_deal = Counter((deal_id, kind) for deal_id, rows in truth.items() for _, _, kind in rows)
    chunk = full.MOST_ASSOCIATION_INPUTS
    pages = Counter[tuple[str, int, int]]()
    order = {deal_id: place for place, deal_id in enumerate(sorted(truth, key=int))}
    for (deal_id, kind), count in by_deal.items():
        for page in range(1, ceil(count / 100)):
            pages[kind, order[deal_id] // chunk, page] = 1
    return Counter(
        {
            "list": max(1, ceil(len(truth) / 100)),
            "associations": 7 * ceil(len(truth) / chunk) + pages.total(),
            "batch_read": sum(ceil(count / 100) for count in by_type.values()),
            "owners": 2,
            "pipelines": 2,
        }
    )


def test_every_deal_is_there_with_all_its_events_in_order(make_account: MakeAccount) -> None:
    account = make_account(demo_data(60))
    job = account.run(JobType.FULL)
    account.assert_true()
    service = account.service
    before = service.calls()
    for deal_id, rows in account.truth().items():
        expected = event_ids_of(rows)
        assert event_ids(service.get(V2 + "deal-timeline", dealId=deal_id)) == expected
        count = service.get(V2 + "deal-activities-count", dealId=deal_id).get_json()
        assert (count["count"], sum(count["by_type"].values())) == (len(expected), len(expected))
        info = service.get(V2 + "deal-info", dealId=deal_id).get_json()
        assert info["activityCount"] == len(expected)
    assert service.calls() == before
    assert (job.progress.deals_read, job.progress.deals_changed) == (60, 60)
    assert job.progress.activities_read == len({row for rows in account.truth().values() for row in rows})


@pytest.mark.parametrize("deals", [0, 100, 101])
def test_small_accounts_take_the_fewest_calls(make_account: MakeAccount, deals: int) -> None:
    account = make_account(some_deals(deals))
    account.run(JobType.FULL)
    account.assert_true()
    expected = minimum(account)
    if not deals:
        del expected["associations"]
    assert Counter(account.hubspot.calls.counts()) == expected


def three_chunks() -> Dataset:
    """460 deals with a note; some activities are shared by deals of different chunks of 200."""
    data = some_deals(460, kinds=("notes",))
    for kind in ENGAGEMENT_TYPES:
        for number in range(30):
            data.add_activity(kind, deals=[1001 + number, 1201 + number, 1401 + number], already_indexed=True)
    for _ in range(250):
        data.add_activity("emails", deals=[1100, 1460], already_indexed=True)
    return data


@pytest.mark.usefixtures("short_chunks")
def test_three_chunks_take_the_fewest_calls_and_read_activities_once(make_account: MakeAccount) -> None:
    account = make_account(three_chunks())
    job = account.run(JobType.FULL)
    account.assert_true()
    calls = Counter(account.hubspot.calls.counts())
    # Of the associations two deals take two further pages each, in different chunks: 4 calls.
    assert calls["associations"] == 7 * 3 + 4
    activities = 460 + 7 * 30 + 250
    assert job.progress.activities_read == activities
    # One call in fifty may read what the oldest chunk still waits for.
    assert calls.pop("batch_read") - minimum(account)["batch_read"] in (0, 1)
    assert calls == minimum(account) - Counter({"batch_read": 10_000})
    assert job.progress.activities_written == 460 + 7 * 30 * 3 + 250 * 2
    assert job.progress.calls == account.service.calls() - calls["owners"] - calls["pipelines"]


def test_a_first_load_does_not_look_up_the_events_that_it_writes(make_account: MakeAccount, profiled: Profiled) -> None:
    account = make_account(some_deals(30, kinds=("notes",)))
    first, again = (profiled(lambda: account.run(JobType.FULL)) for _ in range(2))
    asked = [[set(one["command"].get("filter", ())) for one in operations] for operations in (first, again)]
    assert [filters.count({"engagement_type", "engagement_id"}) for filters in asked] == [0, 1]


@pytest.mark.parametrize("page_size", [7, 100])
def test_a_deal_with_many_associations_is_complete(make_account: MakeAccount, page_size: int) -> None:
    account = make_account(demo_data(3))
    account.hubspot.behaviour.association_page_size = page_size
    account.run(JobType.FULL)
    account.assert_true()
    globex = demo_deal_id("Globex expansion")
    assert len(account.stored()[globex]) == 2500
    if page_size == 100:
        assert Counter(account.hubspot.calls.counts()) == minimum(account)


def test_a_second_load_of_an_unchanged_account_changes_nothing(synced: Account) -> None:
    service = synced.service
    reader = service.get("deal-timeline", dealName="Deal 3")
    documents = list(service.database.deal_timeline.find({}, {"synced_at": 0}, sort=[("_id", 1)]))
    job = synced.run(JobType.FULL)
    assert (job.progress.deals_changed, job.progress.deals_read) == (0, 12)
    assert list(service.database.deal_timeline.find({}, {"synced_at": 0}, sort=[("_id", 1)])) == documents
    again = service.get("deal-timeline", dealName="Deal 3")
    assert (again.headers["X-Cache-Tier"], again.data) == ("memory", reader.data)


def let_things_go(account: Account) -> None:
    """Of what is stored, two deals, an activity and an association are no more; nothing of it is seen by a search."""
    data = account.data
    data.archive("deals", account.deal(1))
    data.merge("deals", account.deal(2), account.deal(12))
    data.archive("notes", account.activities(account.deal(3))[0])
    (call,) = account.activities(account.deal(11), "calls")
    data.disassociate("deals", account.deal(11), "calls", call)


def test_what_hubspot_has_no_longer_goes_at_the_end(synced: Account) -> None:
    let_things_go(synced)
    job = synced.run(JobType.FULL)
    synced.assert_true()
    assert_problem(synced.service.get(V2 + "deal-info", dealId=synced.deal(1)), 404)
    archived = synced.service.database.deal_info.find_one({"deal_id": synced.deal(1)})
    assert archived["archived"] is True
    # The archived one, the merged ones with what became of them, and those that lost an activity.
    assert job.progress.deals_changed == 1 + 3 + 2


@pytest.mark.usefixtures("no_second_try", "short_chunks")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(r"GET /crm/v3/objects/deals", 503, skip=2), "503"),
        (Fault("batch_read", 401, skip=5), "401"),
    ],
    ids=["list", "activities"],
)
def test_a_load_that_fails_half_way_removes_nothing(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch, fault: Fault, error: str
) -> None:
    monkeypatch.setattr(
        "dealcache.sync.activity_loader._MOST_OPEN", 1
    )  # what was let go is in the first chunk, which ends well
    account = make_account(some_deals(250, kinds=("notes", "calls")))
    account.run(JobType.FULL)
    account.settle()
    let_things_go(account)
    before = account.stored()
    account.hubspot.faults.add(fault)
    job = account.run_whatever(JobType.FULL)
    assert job.status is JobStatus.FAILED
    assert error in (job.error or "")
    # What was merged may have gone into what it became, and that may not be complete yet.
    spared = before.keys() - {account.deal(2), account.deal(12)}
    assert {one: rows for one, rows in account.stored().items() if one in spared} == {
        one: before[one] for one in spared
    }
    account.hubspot.faults.clear()
    account.clock.tick(60)
    account.run(JobType.FULL)
    account.assert_true()


@pytest.mark.usefixtures("short_chunks")
def test_a_load_that_was_stopped_goes_on_at_its_checkpoint(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(three_chunks())
    monkeypatch.setattr("dealcache.sync.activity_loader._MOST_OPEN", 1)  # one chunk after the other
    jobs, save = account.storage.sync_jobs, account.storage.sync_jobs.save_checkpoint

    def save_and_stop(*arguments: Any) -> bool:
        saved = save(*arguments)
        account.sync.runner.stop()
        return saved

    monkeypatch.setattr(jobs, "save_checkpoint", save_and_stop)
    job_id = account.ask(JobType.FULL)
    account.sync.runner.run_job(job_id)
    stopped = account.job(job_id)
    assert (stopped.status, stopped.attempts) == (JobStatus.QUEUED, 1)
    assert stopped.checkpoint["after"]
    account.hubspot.calls.clear()
    account.clock.tick(5)

    other = make_account(beside=account)
    other.sync.runner.run_job(job_id)
    done = other.job(job_id)
    assert (done.status, done.attempts, done.request.type) == (JobStatus.COMPLETED, 2, JobType.FULL)
    other.assert_true()
    assert other.hubspot.calls.count("list") == 3  # the first chunk had two pages
    assert other.hubspot.calls.count("associations") == 7 * 2 + 2
    # Activities of the first chunk are taken from MongoDB also where later chunks share them.
    assert other.hubspot.calls.count("batch_read") < minimum(other)["batch_read"]


class KilledError(BaseException):
    """Ends a job in the middle as kill -9 would: nothing is noted any more."""


@pytest.mark.usefixtures("short_chunks")
def test_a_load_that_dies_is_taken_up_when_its_lease_is_over(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(three_chunks())
    save = account.storage.sync_jobs.save_checkpoint

    def save_and_die(*arguments: Any) -> bool:
        assert save(*arguments)
        raise KilledError

    monkeypatch.setattr(account.storage.sync_jobs, "save_checkpoint", save_and_die)
    job_id = account.ask(JobType.FULL)
    with pytest.raises(KilledError):
        account.sync.runner.run_job(job_id)
    assert account.job(job_id).status is JobStatus.RUNNING
    account.hubspot.calls.clear()

    other = make_account(beside=account)
    assert other.claim() is None
    other.clock.tick(21)
    other.sync.runner.run_job(job_id)
    done = other.job(job_id)
    assert (done.status, done.attempts) == (JobStatus.COMPLETED, 2)
    other.assert_true()
    assert sum(call.kind == "list" for call in other.hubspot.calls) < 5


def counted(account: Account) -> list[int]:
    """Return the number of events that lists show for each deal."""
    account.storage.summaries.settle_stale()
    return [one["activities"]["count"] for one in account.service.database.deal_info.find()]


def test_a_first_load_keeps_what_readers_store_meanwhile(make_account: MakeAccount, monkeypatch: Any) -> None:
    account = make_account(some_deals(12))
    write, read = account.storage.timelines.write, list[str]()

    def read_and_write(items: list[Any], *arguments: Any, **options: Any) -> Any:
        deal_id = items[0][0]
        if options.get("probably_new") and deal_id not in read:
            read.append(deal_id)
            assert account.service.get(V1 + "deal-timeline", dealId=deal_id).status_code == 200
        return write(items, *arguments, **options)

    monkeypatch.setattr(account.storage.timelines, "write", read_and_write)
    account.run(JobType.FULL)
    assert read
    account.assert_true()
    assert counted(account) == [7] * 12


def test_a_first_load_that_dies_in_the_middle_of_a_write_is_taken_up(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(some_deals(12))
    write = account.storage.timelines.write

    def write_half_and_die(items: list[Any], *arguments: Any, **options: Any) -> Any:
        write(items[: len(items) // 2], *arguments, **options)
        raise KilledError

    monkeypatch.setattr(account.storage.timelines, "write", write_half_and_die)
    job_id = account.ask(JobType.FULL)
    with pytest.raises(KilledError):
        account.sync.runner.run_job(job_id)
    assert 0 < account.service.database.deal_timeline.count_documents({}) < 84

    other = make_account(beside=account)
    other.clock.tick(21)
    other.sync.runner.run_job(job_id)
    assert other.job(job_id).status is JobStatus.COMPLETED
    other.assert_true()
    assert counted(other) == [7] * 12
