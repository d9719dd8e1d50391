"""A running job's progress is what it has really done."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.model.jobs import JobType, Progress
from dealcache.sandbox.simulator import Fault
from dealcache.sync.job_progress import JobProgress
from tests.integration.sync.harness import Account, MakeAccount, some_deals


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Notes, once it is told the account, what the job shows at each call that HubSpot gets."""
    progresses: list[JobProgress] = []

    class Noted(JobProgress):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            progresses.append(self)

    monkeypatch.setattr("dealcache.sync.job_lease.JobProgress", Noted)

    def watch(account: Account) -> list[tuple[str, Progress]]:
        seen: list[tuple[str, Progress]] = []
        take = account.hubspot.faults.take

        def noting(kind: str, *more: Any) -> Fault | None:
            if progresses:
                seen.append((kind, progresses[-1].snapshot()))
            return take(kind, *more)

        monkeypatch.setattr(account.hubspot.faults, "take", noting)
        return seen

    return watch


def assert_honest(seen: list[tuple[str, Progress]]) -> None:
    percents = [progress.percent for _, progress in seen if progress.percent is not None]
    assert percents == sorted(percents)
    assert all(progress.seconds_left is None or progress.seconds_left >= 0 for _, progress in seen)
    written = [progress.deals_written for _, progress in seen]
    assert written == sorted(written)


def test_a_first_load_shows_deals_from_the_first_page_on(make_account: MakeAccount, shown: Any) -> None:
    account = make_account(some_deals(2300, kinds=("notes", "calls")))
    seen = shown(account)
    job = account.run(JobType.FULL)
    assert_honest(seen)
    pages = [progress for kind, progress in seen if kind == "list"]
    # Each page names the next, so the one before is stored when the next but one is asked for, at the latest.
    assert all(progress.deals_done >= 100 * (number - 2) for number, progress in enumerate(pages))
    first_read = next(progress for kind, progress in seen if kind == "batch_read")
    assert first_read.deals_read == 0
    assert first_read.deals_done >= 900
    # Nobody knows of how many deals before the end of the list.
    assert {progress.percent for progress in pages} == {None}
    assert seen[-1][1].percent > 50
    assert (job.progress.deals_written, job.progress.percent, job.progress.seconds_left) == (2300, 100.0, 0.0)


def test_a_later_load_of_more_deals_than_were_known(make_account: MakeAccount, shown: Any) -> None:
    account = make_account(some_deals(1200, kinds=("notes",)))
    account.run(JobType.FULL)
    for number in range(1500):
        account.data.add_activity("notes", deals=[account.data.add_deal(f"More {number}")], already_indexed=True)
    account.settle()
    seen = shown(account)
    account.run(JobType.FULL)
    assert_honest(seen)
    assert None in {progress.percent for _, progress in seen if progress.deals_written > 1200}


@pytest.mark.usefixtures("no_pauses")
def test_a_load_that_goes_on_after_failures_counts_no_deal_twice(make_account: MakeAccount, shown: Any) -> None:
    account = make_account(some_deals(2300, kinds=("notes",)))
    seen = shown(account)
    account.hubspot.faults.add(Fault("list", 503, skip=12, times=16))
    job = account.run(JobType.FULL)
    assert_honest(seen)
    assert job.progress.deals_written == 2300
    account.assert_true()


def test_an_incremental_sync_shows_what_nobody_knows_as_that(synced: Account, shown: Any) -> None:
    seen = shown(synced)
    job = synced.run()
    assert {progress.percent for _, progress in seen} == {None}
    assert job.progress.percent == 100.0
