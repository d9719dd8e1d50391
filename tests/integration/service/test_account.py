"""A database belongs to one HubSpot account: what a process does whose token is another account's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import orjson
import pytest

from dealcache.hubspot.errors import Unavailable, WrongAccount
from dealcache.hubspot.gateway import Account
from dealcache.model.deadline import Deadline
from dealcache.reader.account import AccountGuard
from dealcache.repositories import Connection, IdentityRepository
from dealcache.sandbox.simulator import Fault, Simulator, demo_data
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, TOKEN, Service, assert_problem, running, tier
from tests.unit.api.test_webhooks import SECRET, first

OURS, THEIRS = 6_748_263, 111_222

#: Makes a service on the database, with the token of a HubSpot of its own with that portal id.
OfAccount = Callable[[int], Service]


@pytest.fixture
def of_account(mongodb_uri: str, database_name: str, clock: ManualClock) -> Iterator[OfAccount]:
    with ExitStack() as stack:

        def make(portal_id: int, **environ: str) -> Service:
            data = demo_data(3 if portal_id == OURS else 1)
            hubspot = Simulator(data, token=TOKEN, limits=None, clock=clock, portal_id=portal_id)
            stack.enter_context(hubspot)
            environ |= {"HUBSPOT_CLIENT_SECRET": SECRET}
            return stack.enter_context(running(hubspot, mongodb_uri, database_name, clock, **environ))

        yield make


def stored(service: Service) -> list[Any]:
    names = ("deal_info", "deal_timeline", "pipelines", "sync_jobs")
    return [sorted(service.database[name].find(), key=lambda one: str(one["_id"])) for name in names]


def names_both(text: str) -> bool:
    return str(OURS) in text and str(THEIRS) in text and "MONGODB_DATABASE" in text and "deleteOne" in text


def test_the_first_account_is_the_databases_whatever_version_filled_it(of_account: OfAccount) -> None:
    service = of_account(OURS)
    assert list(service.database.identity.find({"_id": "account"})) == [{"_id": "account", "portal_id": OURS}]
    assert tier(service.get("deal-info", dealName=ACME)) == "hubspot"
    assert service.calls("account") == 0


def test_another_accounts_token_reads_what_is_stored_and_nothing_of_its_own_account(of_account: OfAccount) -> None:
    ours = of_account(OURS)
    assert tier(ours.get("deal-info", dealName=ACME)) == "hubspot"
    before = stored(ours)
    theirs = of_account(THEIRS)
    assert tier(theirs.get("deal-info", dealName=ACME)) == "mongodb"
    cold, anew = "Initech pilot", {"dealName": ACME, "refresh": "true"}
    for refused in (theirs.get("deal-timeline", dealName=cold), theirs.get("deal-timeline", **anew)):
        assert names_both(assert_problem(refused, 502)["detail"])
    errors = theirs.batch(cold, "Globex expansion").get_json()["errors"]
    assert [(error["status"], names_both(error["detail"])) for error in errors.values()] == [(502, True)] * 2
    assert theirs.calls() == 0
    assert stored(ours) == before
    assert tier(ours.get("deal-timeline", dealName=cold)) == "hubspot"  # one wrong process keeps no other one back


def test_another_accounts_token_is_not_ready_and_syncs_nothing(of_account: OfAccount) -> None:
    ours = of_account(OURS)
    assert ours.request("POST", "v2/sync").status_code == 202
    before = stored(ours)
    theirs = of_account(THEIRS)
    unready = theirs.get("/readyz")
    assert (unready.status_code, unready.get_json()["missing"]) == (503, ["account"])
    assert names_both(unready.get_json()["reason"])
    for path in ("v2/sync", "v2/sync?full=true", "v2/sync/all-stages/date?date_str=2026-01-01"):
        assert names_both(assert_problem(theirs.request("POST", path), 409)["detail"])
    sync = theirs.app.extensions["dealcache"]
    sync.runner.run_due_jobs()
    assert not sync.webhooks._may_work()
    assert stored(ours) == before
    assert theirs.calls() == theirs.calls("account")  # readiness asks whether HubSpot is there
    assert ours.get("/readyz").status_code == 200


def test_nobody_is_told_that_it_is_ready_before_the_accounts_are_compared(connection: Connection) -> None:
    identity = IdentityRepository(connection)
    identity.bind(OURS)
    guard = AccountGuard(lambda _deadline: Account(THEIRS), identity, "deals")
    assert guard.wrong is None
    assert isinstance(guard.verdict(), WrongAccount)
    silent = AccountGuard(lambda _deadline: (_ for _ in ()).throw(Unavailable("down")), identity, "deals")
    assert silent.verdict() is None


def test_a_job_that_was_taken_up_before_the_account_was_known_is_left_to_others(of_account: OfAccount) -> None:
    service = of_account(OURS)
    job_id = service.request("POST", "v2/sync").get_json()["job_id"]
    service.database.identity.update_one({"_id": "account"}, {"$set": {"portal_id": THEIRS}})
    runner = service.app.extensions["dealcache"].runner
    runner.run_due_jobs()
    job = service.database.sync_jobs.find_one({"_id": job_id})
    assert (job["status"], job["attempts"], job.get("owner")) == ("queued", 1, None)
    runner.run_job(job_id)
    assert service.database.sync_jobs.find_one({"_id": job_id})["status"] == "queued"
    assert service.database.deal_info.count_documents({}) == 0


def test_a_command_says_so_too(of_account: OfAccount) -> None:
    of_account(OURS)
    app = of_account(THEIRS).app
    with app.app_context():
        outcome = app.test_cli_runner().invoke(args=["sync", "--full"])
    assert outcome.exit_code == 1
    assert names_both(outcome.output)


def test_whoever_takes_the_binding_away_may_move(of_account: OfAccount) -> None:
    of_account(OURS)
    theirs = of_account(THEIRS)
    theirs.database.identity.delete_one({"_id": "account"})
    theirs.parts.account.check(Deadline(5.0))
    assert theirs.get("/readyz").status_code == 200
    assert tier(theirs.get("deal-info", dealName=ACME)) == "hubspot"


@pytest.mark.parametrize("own", [{}, {"portalId": OURS}, {"portalId": str(OURS)}, {"portalId": None}])
def test_webhook_events_of_other_accounts_are_dropped_and_counted(of_account: OfAccount, own: dict[str, Any]) -> None:
    service = of_account(OURS)
    event = {"subscriptionType": "deal.creation", "occurredAt": 1_795_514_400_000}
    events = [{**event, "objectId": 1, **own}, {**event, "objectId": 2, "portalId": THEIRS}]
    events += [{**event, "objectId": 3, "portalId": text} for text in ("", "x", [OURS], True)]
    body = orjson.dumps(events)
    answer = service.app.test_client().post("/api/hubspot/webhooks", data=body, headers=first(body))
    assert answer.get_json() == {"status": "accepted", "events": 6, "new": 1}
    assert [one["object_id"] for one in service.database.webhook_events.find()] == ["1"]
    assert 'dealcache_webhook_events_dropped_total{reason="portal"} 5.0' in service.get("/metrics").text


@pytest.mark.parametrize("status", [403, 404, 400])
def test_a_token_that_may_not_be_told_works_as_before(
    hubspot: Simulator, mongodb_uri: str, database_name: str, clock: ManualClock, status: int
) -> None:
    hubspot.faults.add(Fault("account", status=status))
    with running(hubspot, mongodb_uri, database_name, clock) as service:
        assert tier(service.get("deal-info", dealName=ACME)) == "hubspot"
        assert service.request("POST", "v2/sync").status_code == 202
        assert service.database.identity.count_documents({"_id": "account"}) == 0


def test_nothing_is_asked_or_stored_before_the_account_is_known(
    hubspot: Simulator, mongodb_uri: str, database_name: str, clock: ManualClock
) -> None:
    hubspot.faults.add(Fault("account", status=503))
    with running(hubspot, mongodb_uri, database_name, clock) as service:
        assert_problem(service.get("deal-info", dealName=ACME), 502)
        assert service.calls() == service.calls("account") > 0
        hubspot.faults.clear()
        hubspot.calls.clear()
        assert tier(service.get("deal-info", dealName=ACME)) == "hubspot"
        assert service.calls("account") == 1


class TestGuard:
    """Two at once, and failures."""

    def guard(self, connection: Connection, portal_id: int, calls: list[int] | None = None) -> AccountGuard:
        def ask(_deadline: Deadline) -> Account:
            if calls is not None:
                calls.append(portal_id)
            return Account(portal_id)

        return AccountGuard(ask, IdentityRepository(connection), "db")

    def test_of_many_processes_at_once_one_account_wins(self, connection: Connection) -> None:
        guards = [self.guard(connection, 1 + number % 2) for number in range(16)]
        outcomes: list[bool] = []

        def check(guard: AccountGuard) -> None:
            try:
                guard.check(Deadline(10.0))
            except WrongAccount:
                outcomes.append(False)
            else:
                outcomes.append(True)

        threads = [threading.Thread(target=check, args=(guard,)) for guard in guards]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False] * 8 + [True] * 8
        bound = {guard.bound for guard in guards}
        assert len(bound) == 1
        assert all((guard.wrong is None) == (guard.own in bound) for guard in guards)

    def test_hubspot_is_asked_once(self, connection: Connection) -> None:
        calls: list[int] = []
        guard = self.guard(connection, 7, calls)
        assert not guard.may_work()
        for _ in range(3):
            guard.admit_write(Deadline(1.0))
            guard.check(Deadline(1.0))
        assert (calls, guard.may_work(), guard.own, guard.bound) == ([7], True, 7, 7)

    def test_who_could_not_ask_may_take_up_work_and_fail_with_it(self, connection: Connection) -> None:
        def fail(_deadline: Deadline) -> Account:
            raise Unavailable("down")

        IdentityRepository(connection).bind(5)
        guard = AccountGuard(fail, IdentityRepository(connection), "db")
        with pytest.raises(Unavailable):
            guard.admit(Deadline(1.0))
        assert (guard.may_work(), guard.wrong, guard.bound) == (True, None, 5)
