"""From a change in HubSpot by its webhook to what readers see, over HTTP and with the service's own threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from werkzeug.serving import make_server

from tests.integration.service.harness import V1, V2, VIEWS
from tests.integration.sync.changes import (
    add_deal,
    archive_activities,
    archive_deal,
    associate,
    disassociate,
    merge_into_a_new_deal,
    move_activity,
    update_activity,
    update_deal,
)
from tests.integration.sync.harness import Account, MakeAccount, RunningClock, some_deals
from tests.integration.sync.storms import Storm
from tests.waiting import until

SECRET = "not-to-be-seen-either"
PATH = "/api/hubspot/webhooks"


@pytest.fixture
def clock() -> RunningClock:
    """Everybody's wall clock."""
    return RunningClock()


@contextmanager
def served(account: Account) -> Iterator[str]:
    """The service behind a socket; its URL."""
    server = make_server("127.0.0.1", 0, account.service.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        account.hubspot.webhooks.unsubscribe_all()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def told(start: MakeAccount) -> Iterator[Account]:
    """A loaded account whose service is told of every change, and nothing else makes it sync."""
    account = start(HUBSPOT_CLIENT_SECRET=SECRET, SYNC_CONFIRM_SECONDS="0")
    account.run()
    with served(account) as url:
        account.hubspot.webhooks.subscribe(url + PATH, SECRET)
        yield account


def stale(account: Account) -> list[tuple[str, str, int]]:
    """The views of the deals there were at first that readers see otherwise than MongoDB has them."""
    found = []
    for number in range(1, 13):
        for view in VIEWS:
            for query in ({"dealId": account.deal(number)}, {"dealName": f"Deal {number}"}):
                cached, stored = (account.service.get(base + view, **query) for base in (V1, V2))
                same = cached.status_code == stored.status_code
                if not same or (stored.status_code == 200 and cached.get_json() != stored.get_json()):
                    found.append((view, str(query), cached.status_code))
    return found


#: Changes of different deals in each round, so that no event brings what another one should.
ROUNDS = (
    (update_activity, add_deal, archive_deal, archive_activities, associate, move_activity, update_deal),
    (disassociate, merge_into_a_new_deal),
)


def test_a_change_is_seen_within_seconds(told: Account) -> None:
    for changes in ROUNDS:
        assert stale(told) == []
        told.clock.tick(1)
        for change in changes:
            change(told)
        assert not told.is_true()
        until(told.is_true)
        until(lambda: stale(told) == [])
    assert told.storage.sync_jobs.list(None, 10)[0] == 1  # the first load
    assert {one.status for one in told.hubspot.webhooks.deliveries} == {200}


def test_what_is_restored_is_seen_again(told: Account) -> None:
    note = told.activities("1002")[0]
    told.data.archive("deals", "1001")
    told.data.archive("notes", note)
    until(lambda: told.service.get("deal-info", dealId="1001").status_code == 404)
    until(told.is_true)
    told.clock.tick(1)
    told.data.restore("deals", "1001")
    told.data.restore("notes", note)
    until(told.is_true)
    until(lambda: stale(told) == [])


@pytest.mark.parametrize("version", ["v1", "both"])
def test_events_late_doubled_and_out_of_order(start: MakeAccount, version: str) -> None:
    """A storm of changes is looked after by the webhooks alone."""
    account = start(some_deals(40), HUBSPOT_CLIENT_SECRET=SECRET, SYNC_CONFIRM_SECONDS="0")
    account.run()
    account.clock.tick(1)
    with served(account) as url:
        account.hubspot.webhooks.subscribe(
            url + PATH, SECRET, version=version, shuffle=True, duplicate=0.3, batch=7, delay=0.05
        )
        Storm(account, 5).blow(150)
        until(lambda: account.hubspot.webhooks.pending == 0)
        until(account.is_true)


def test_a_delivery_that_nobody_signed_changes_nothing(told: Account) -> None:
    with served(told) as url:
        answer = requests.post(url + PATH, json=[{"subscriptionType": "deal.deletion", "objectId": 1001}], timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert told.service.database.webhook_events.count_documents({}) == 0


def test_events_that_a_process_left_behind_are_worked_off_by_another(
    start: MakeAccount, make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dealcache.sync.webhook_worker._POLL_SECONDS", 0.2)
    taker = make_account(HUBSPOT_CLIENT_SECRET=SECRET, SYNC_CONFIRM_SECONDS="0")
    taker.run()
    with served(taker) as url:
        taker.hubspot.webhooks.subscribe(url + PATH, SECRET)
        taker.clock.tick(1)
        taker.data.update("deals", "1001", {"dealname": "Renamed"})
        until(lambda: any(one.status == 200 for one in taker.hubspot.webhooks.deliveries))
    assert not taker.is_true()
    worker = start(beside=taker)
    until(worker.is_true)
