"""Jobs while HubSpot or MongoDB fails under them."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.hubspot.client import MOST_ASSOCIATION_INPUTS
from dealcache.model.jobs import JobStatus, JobType
from dealcache.repositories import StoreError, StoreUnavailable
from dealcache.sandbox.simulator import Fault
from tests.integration.sync.harness import Account, MakeAccount, some_deals

KINDS = ("list", "associations", "batch_read")


#: One of each sort; that all are tried again alike, the batch read shows, and the tests of the session.
SORTS = (
    {"status": 429, "headers": {"Retry-After": "3"}},
    {"status": 502, "html": True},
    {"reset": True},
    {"status": 200, "body": "<html>not what was asked for</html>"},
)

OTHERS = (
    {"status": 429},
    {"status": 423},
    {"status": 477},
    {"status": 500},
    {"status": 524, "html": True},
    {"cut_short": True},
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_that_passes_is_not_noticed(account: Account, kind: str) -> None:
    for fault in (*SORTS, *OTHERS) if kind == "batch_read" else SORTS:
        account.hubspot.faults.clear()
        account.hubspot.faults.add(Fault(kind, times=3, **fault))
        job = account.run(JobType.FULL)
        assert job.attempts == 1, fault
        assert account.is_true(), fault
        account.clock.tick(60)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("kind", KINDS)
def test_a_load_outlives_six_failures_in_a_row(account: Account, kind: str) -> None:
    account.hubspot.faults.add(Fault(kind, 503, skip=1, times=48 if kind == "list" else 40))
    account.data.archive("deals", account.deal(1))
    account.run(JobType.FULL)
    account.assert_true()


@pytest.mark.usefixtures("no_pauses")
def test_a_sync_of_changes_outlives_any_number_of_failures_with_progress_in_between(
    synced: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt stores one page more, and the next one resumes after it."""
    monkeypatch.setattr("dealcache.sync.hubspot_reader.SEARCH_PAGE", 1)
    monkeypatch.setattr("dealcache.sync.incremental.SEARCH_PAGE", MOST_ASSOCIATION_INPUTS)  # each is stored by itself
    write, pages = synced.storage.timelines.write, iter(range(1_000))

    def write_every_other_page(items: list[Any], *arguments: Any, **options: Any) -> Any:
        if len(items) == 1 and next(pages) % 2:
            raise StoreError("a document is in the way")
        return write(items, *arguments, **options)

    monkeypatch.setattr(synced.storage.timelines, "write", write_every_other_page)
    for _ in range(10):
        synced.data.add_activity("notes", deals=[synced.deal(1)])
    synced.run()
    assert next(pages) == 10 + 9
    synced.assert_true()


@pytest.mark.usefixtures("no_pauses")
def test_a_load_gives_up_when_nothing_helps(account: Account) -> None:
    account.hubspot.faults.add(Fault("batch_read", 503))
    job = account.run_whatever(JobType.FULL)
    assert job.status is JobStatus.FAILED
    assert "503" in (job.error or "")
    assert job.message == "all else is done; the next sync goes on with what is missing"
    assert job.finished_at is not None


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_lasting_refusal_ends_the_job_after_three_tries(account: Account, status: int) -> None:
    account.hubspot.faults.add(Fault(r"GET /crm/v3/objects/deals", status))
    job = account.run_whatever(JobType.FULL)
    assert job.status is JobStatus.FAILED
    assert str(status) in (job.error or "")
    assert account.hubspot.calls.count("list") == 3


@pytest.mark.parametrize(("kind", "status"), [("owners", 400), ("pipelines", 401), ("owners", 403)])
def test_labels_that_are_refused_once_are_read_all_the_same(synced: Account, kind: str, status: int) -> None:
    synced.clock.tick(60)
    synced.hubspot.faults.add(Fault(kind, status, times=1))
    job = synced.run(JobType.FULL)
    assert job.progress.warnings == ()
    assert job.attempts == 1


def test_the_job_after_a_failed_one_is_taken_up(account: Account) -> None:
    account.hubspot.faults.add(Fault("list", 401))
    failed = account.run_whatever(JobType.FULL)
    account.hubspot.faults.clear()
    assert account.run(JobType.FULL).job_id != failed.job_id
    account.assert_true()


def test_a_list_whose_cursor_repeats_fails(make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealcache.sync.retry_policy._DELAYS", ())
    account = make_account(some_deals(3))
    page = {"results": [], "paging": {"next": {"after": "1002"}}}
    account.hubspot.faults.add(Fault(r"GET /crm/v3/objects/deals", 200, body=page))
    job = account.run_whatever(JobType.FULL)
    assert job.status is JobStatus.FAILED
    assert "repeats" in (job.error or "")


@pytest.mark.parametrize("after", [0, 3, 6])
def test_mongodb_goes_away_for_a_while(account: Account, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The job waits until it is there again, however long that takes, and goes on."""
    monkeypatch.setattr("dealcache.sync.retry_policy._MONGODB_DELAY", 0.0)
    write, failures = account.storage.timelines.write, list(range(after, after + 10))
    count = iter(range(1_000))

    def write_or_fail(*arguments: Any, **options: Any) -> Any:
        if next(count) in failures:
            raise StoreUnavailable("MongoDB is away")
        return write(*arguments, **options)

    monkeypatch.setattr(account.storage.timelines, "write", write_or_fail)
    account.data.add_activity("notes", deals=[account.deal(1)])
    account.run(JobType.FULL)
    assert next(count) > after + 10
    account.assert_true()


def test_an_error_of_ours_fails_the_job_and_not_the_runner(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **_options: Any) -> Any:
        raise ZeroDivisionError("a secret")

    with monkeypatch.context() as patch:
        patch.setattr(account.storage.timelines, "write", fail)
        job = account.run_whatever(JobType.FULL)
    assert (job.status, job.error) == (JobStatus.FAILED, "internal error (ZeroDivisionError)")
    account.run(JobType.FULL)
    account.assert_true()
