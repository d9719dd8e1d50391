"""Accounts to sync, made anew for each test, on the session's mongod."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from dealcache.hubspot.session import HubSpotSession
from dealcache.sandbox.simulator import Dataset, Simulator
from tests.clocks import ManualClock
from tests.integration.service.harness import TOKEN, running
from tests.integration.sync.first_load import FirstLoad
from tests.integration.sync.harness import CHUNK, Account, MakeAccount, some_deals


@pytest.fixture
def clock() -> ManualClock:
    """Everybody's wall clock: the service's and HubSpot's."""
    return ManualClock(float(int(time.time())))


@pytest.fixture
def make_account(
    mongodb_uri: str, database_name: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeAccount]:
    """Makes accounts: a HubSpot with some data and a service; ``beside`` another account, one more service of that.

    HubSpot's clock is ``ahead`` by so many seconds.

    No call waits before it is made again.
    """
    # Every job makes a session of its own.
    monkeypatch.setattr("dealcache.hubspot.gateway.HubSpotSession", partial(HubSpotSession, sleep=lambda _: None))
    with ExitStack() as stack:

        def make(
            data: Dataset | None = None,
            *,
            beside: Account | None = None,
            index_lag: float = 0.0,
            ahead: float = 0.0,
            **environ: str,
        ) -> Account:
            if beside is not None:
                hubspot = beside.hubspot
            else:
                simulator = Simulator(
                    data or some_deals(12), token=TOKEN, limits=None, clock=lambda: clock() + ahead, index_lag=index_lag
                )
                hubspot = stack.enter_context(simulator)
            service = stack.enter_context(running(hubspot, mongodb_uri, database_name, clock, **environ))
            return Account(service)

        yield make


@pytest.fixture
def account(make_account: MakeAccount) -> Account:
    """Twelve deals with an activity of each type, and nothing synced yet."""
    return make_account()


@pytest.fixture(scope="session")
def first_load() -> FirstLoad:
    """Return the result of the first load of the twelve deals, made for the first test that needs it."""
    return FirstLoad()


@pytest.fixture
def synced(account: Account, first_load: FirstLoad) -> Account:
    """The same a minute after the first load, with its calls and its confirming pass forgotten."""
    first_load.give(account)
    account.settle()
    return account


@pytest.fixture
def start(make_account: MakeAccount) -> MakeAccount:
    """Makes accounts whose services run jobs, and work off webhook events, by themselves."""

    def make(*arguments: Any, **options: Any) -> Account:
        account = make_account(*arguments, **options)
        account.service.app.extensions["dealcache"].start()
        return account

    return make


@pytest.fixture
def short_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """HubSpot's search ends after 1,000 results, so that it takes few records to go beyond them."""
    monkeypatch.setattr("dealcache.sandbox.simulator.search_query.MOST_RESULTS", 1_000)
    monkeypatch.setattr("dealcache.sandbox.simulator.search_api.MOST_RESULTS", 1_000)


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """HubSpot gives the associations of 200 records at a time, no more, so that few records make several chunks."""
    monkeypatch.setattr("dealcache.sandbox.simulator.associations_api.BATCH_MOST", CHUNK)
    for module in ("changed_deals", "full", "hubspot_reader", "incremental", "reconciliation", "selected"):
        monkeypatch.setattr(f"dealcache.sync.{module}.MOST_ASSOCIATION_INPUTS", CHUNK)


@pytest.fixture
def no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job whose calls fail for good fails at once."""
    monkeypatch.setattr("dealcache.sync.retry_policy._DELAYS", ())


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job whose calls fail for good goes on as often as ever, but without waiting."""
    monkeypatch.setattr("dealcache.sync.retry_policy._DELAYS", (0.0,) * 6)
