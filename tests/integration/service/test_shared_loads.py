"""Several services on one database, as several workers are: what one of them loads, the others do not load as well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from werkzeug.test import TestResponse

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.reader.lease_renewer import LEASE
from dealcache.repositories import Connection, LoadLeaseRepository
from dealcache.sandbox.simulator import Fault, demo_deal_id
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, VIEWS, MakeService, Service, assert_problem, bodies, tier
from tests.lease_contract import acquire_one
from tests.relay import Relay
from tests.waiting import until

WORKERS, THREADS = 4, 50
ONE_LOAD = (1, len(ENGAGEMENT_TYPES))
DEAL_ID = demo_deal_id(ACME)
KEY = f"name:{ACME.casefold()}"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def cost(service: Service) -> tuple[int, int]:
    return service.calls("search"), service.calls("associations")


def waits(service: Service) -> float:
    """Return how often the service waited for another one's load."""
    name = "dealcache_shared_flight_waits_total "
    lines = service.parts.metrics.render().decode().splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def begin(pool: ThreadPoolExecutor, service: Service, **query: str) -> Future[TestResponse]:
    """Let a service begin to load the deal, alone."""
    asked = pool.submit(service.get, "deal-info", dealName=ACME, **query)
    until(lambda: service.database.load_leases.find_one({"end": None}) is not None)
    return asked


def join(pool: ThreadPoolExecutor, service: Service, view: str = "deal-info", **query: str) -> Future[TestResponse]:
    """Let a service begin to wait for another one's load."""
    asked = pool.submit(service.get, view, dealName=ACME, **query)
    until(lambda: waits(service) > 0)
    return asked


def die_loading(uri: str, name: str, clock: ManualClock) -> None:
    """A process takes the lease of the deal, and nobody ever hears of it again."""
    connection = Connection(uri, name)
    leases = LoadLeaseRepository(connection, lambda: datetime.fromtimestamp(clock(), UTC))
    assert acquire_one(leases, KEY, "dead", LEASE).mine
    connection.close()


def test_two_hundred_threads_of_four_workers_on_one_cold_deal_cost_one_load(make_service: MakeService) -> None:
    workers = [make_service(THREADS=str(THREADS)) for _ in range(WORKERS)]
    workers[0].hubspot.latency = 0.2
    barrier = threading.Barrier(WORKERS * THREADS)

    def read(number: int) -> TestResponse:
        barrier.wait()
        return workers[number % WORKERS].get(VIEWS[number % 3], dealName=ACME)

    with ThreadPoolExecutor(WORKERS * THREADS) as pool:
        answers = list(pool.map(read, range(WORKERS * THREADS)))
    assert len(bodies(answers)) == 3
    assert cost(workers[0]) == ONE_LOAD
    for worker in workers:
        assert [tier(worker.get(view, dealName=ACME)) for view in VIEWS] == ["memory"] * 3


def test_a_failure_is_shared_and_the_next_reader_tries_again(
    make_service: MakeService, pool: ThreadPoolExecutor
) -> None:
    first, second = make_service(), make_service()
    first.hubspot.faults.add(Fault("search", status=403, delay=2.0))
    leader = begin(pool, first)
    waiter = join(pool, second, "deal-timeline")
    told = [assert_problem(one.result(), 502)["detail"] for one in (leader, waiter)]
    assert told[0] == told[1]
    assert first.calls("search") == 1
    first.hubspot.faults.clear()
    assert tier(second.get("deal-info", dealName=ACME)) == "hubspot"


def test_a_worker_that_dies_delays_others_by_its_lease_and_no_more(
    make_service: MakeService, pool: ThreadPoolExecutor, clock: ManualClock, mongodb_uri: str, database_name: str
) -> None:
    workers = [make_service() for _ in range(3)]
    die_loading(mongodb_uri, database_name, clock)
    waiting = [join(pool, worker) for worker in workers]
    assert not any(one.done() for one in waiting)
    clock.tick(LEASE.total_seconds())
    assert len(bodies([one.result() for one in waiting])) == 1
    assert cost(workers[0]) == ONE_LOAD


def test_a_worker_that_was_frozen_finds_another_one_at_its_load_and_breaks_nothing(
    make_service: MakeService, pool: ThreadPoolExecutor, clock: ManualClock
) -> None:
    first, second = make_service(), make_service()
    first.hubspot.faults.add(Fault("search", delay=2.0, times=1))
    frozen = begin(pool, first)
    clock.tick(60)
    data = first.hubspot.data
    data.update("deals", DEAL_ID, {"amount": "123.5"})
    assert second.get("deal-info", dealName=ACME).get_json()["amount"] == 123.5
    assert frozen.result().status_code == 200
    assert first.calls("search") == 2
    for service in (first, second):
        answer = service.get("deal-info", {"Cache-Control": "no-cache"}, dealName=ACME)
        assert (tier(answer), answer.get_json()["amount"]) == ("mongodb", 123.5)


def test_who_waits_goes_on_alone_when_mongodb_goes_away(
    make_service: MakeService, relay: Relay, relayed_uri: str, pool: ThreadPoolExecutor, clock: ManualClock
) -> None:
    service = make_service(relayed_uri)
    die_loading(relayed_uri, service.database.name, clock)
    waiting = join(pool, service)
    relay.cut()
    assert tier(waiting.result()) == "hubspot"
    assert cost(service) == ONE_LOAD


def test_a_document_that_nobody_can_read_keeps_nobody_from_loading(service: Service) -> None:
    service.database.load_leases.insert_one({"_id": KEY, "end": None, "held_until": datetime(2100, 1, 1, tzinfo=UTC)})
    assert tier(service.get("deal-info", dealName=ACME)) == "hubspot"


# Refreshes


def test_refreshes_at_once_in_several_workers_share_one_fetch(
    make_service: MakeService, pool: ThreadPoolExecutor
) -> None:
    workers = [make_service() for _ in range(3)]
    for worker in workers:
        worker.get("deal-info", dealName=ACME)
    hubspot = workers[0].hubspot
    hubspot.data.update("deals", DEAL_ID, {"amount": "123.5"})
    hubspot.calls.clear()
    hubspot.faults.add(Fault("search", delay=1.0))
    leader = begin(pool, workers[0], refresh="true")
    waiting = [join(pool, worker, refresh="true") for worker in workers[1:]]
    answers = [one.result() for one in (leader, *waiting)]
    assert [tier(one) for one in answers] == ["hubspot"] * 3
    assert {one.get_json()["amount"] for one in answers} == {123.5}
    assert cost(workers[0]) == ONE_LOAD


@pytest.mark.parametrize("how", [{"dealName": ACME}, {"dealId": DEAL_ID}], ids=["name", "id"])
def test_a_deal_that_another_worker_refreshed_just_now_is_not_fetched_again(
    make_service: MakeService, how: dict[str, str]
) -> None:
    first, second = make_service(), make_service()
    second.get("deal-info", **how)
    first.clock.tick(60)
    first.hubspot.data.update("deals", DEAL_ID, {"amount": "123.5"})
    first.get("deal-info", dealName=ACME, refresh="true")
    calls = first.calls()
    first.clock.tick(9)
    # Nobody has told the second one of the refresh: its memory is older, and it does not answer from there.
    answer = second.get("deal-info", refresh="true", **how)
    assert (tier(answer), answer.get_json()["amount"]) == ("mongodb", 123.5)
    assert first.calls() == calls
    first.clock.tick(1)
    assert tier(second.get("deal-info", refresh="true", **how)) == "hubspot"
