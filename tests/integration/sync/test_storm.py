"""After a storm of changes one incremental run and its confirming pass are true again, also when many calls fail."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import demo_data
from tests.integration.service.harness import V2, event_ids
from tests.integration.sync.harness import Account, MakeAccount, event_ids_of
from tests.integration.sync.storms import Storm, scattered_deals, spoil_calls

LAG = 30.0


def stirred(make_account: MakeAccount, seed: int, deals: int = 100) -> tuple[Account, Storm]:
    """An account that is loaded; search is 30 seconds behind."""
    account = make_account(scattered_deals(deals, seed), index_lag=LAG)
    account.run()
    account.settle()
    return account, Storm(account, seed)


def seeds(first: int, *others: int) -> list[Any]:
    """One seed, and others for `make test-long`."""
    return [first, *(pytest.param(one, marks=pytest.mark.long) for one in others)]


@pytest.mark.parametrize("seed", seeds(0, 1, 2))
def test_a_storm_of_changes(make_account: MakeAccount, seed: int) -> None:
    account, storm = stirred(make_account, seed)
    storm.blow(400)
    account.run()
    assert account.confirm().status is JobStatus.COMPLETED
    account.assert_true()
    for deal_id, rows in list(account.truth().items())[:25]:
        shown = account.service.get(V2 + "deal-timeline", dealId=deal_id)
        assert event_ids(shown) == event_ids_of(rows)


@pytest.mark.long
@pytest.mark.parametrize("seed", [11])
def test_several_storms_with_runs_between_and_in_them(make_account: MakeAccount, seed: int) -> None:
    account, storm = stirred(make_account, seed)
    for _ in range(4):
        storm.blow(60)
        account.run()
    assert account.confirm().status is JobStatus.COMPLETED
    account.assert_true()


def test_a_full_load_after_a_storm(make_account: MakeAccount) -> None:
    account, storm = stirred(make_account, 21)
    storm.blow(400)
    account.run(JobType.FULL)
    account.assert_true()


@pytest.mark.parametrize("seed", [31])
def test_a_full_load_while_a_twentieth_of_all_calls_fails(make_account: MakeAccount, seed: int) -> None:
    account = make_account(demo_data(300, seed))
    faults = spoil_calls(account.hubspot, 0.05, seed)
    account.run(JobType.FULL)
    assert faults
    account.assert_true()


@pytest.mark.parametrize("seed", seeds(41, 42))
def test_a_storm_while_a_twentieth_of_all_calls_fails(make_account: MakeAccount, seed: int) -> None:
    account, storm = stirred(make_account, seed)
    storm.blow(400)
    faults = spoil_calls(account.hubspot, 0.05, seed)
    account.run()
    assert faults
    assert account.confirm().status is JobStatus.COMPLETED
    account.assert_true()
