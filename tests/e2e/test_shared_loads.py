"""Several workers of several instances that want one cold deal: one of them loads it, also when one of them dies."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests
from pymongo import MongoClient
from pymongo.database import Database

from dealcache.model.deals import ENGAGEMENT_TYPES
from tests.e2e.programs import READ, Gunicorn, HubSpot
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

CLIENTS = 40
VIEWS = ("/api/hubspot/deal-activities-count", "/api/hubspot/deal-timeline", READ)
#: What reading one deal of few activities costs beside its batch reads, which depend on what it has.
ONE_LOAD = {"search": 1, "associations": len(ENGAGEMENT_TYPES)}


@pytest.fixture
def database(mongodb_uri: str, two_instances: list[Gunicorn]) -> Iterator[Database[dict[str, Any]]]:
    """The database that both instances share."""
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client[two_instances[0].database]


@pytest.fixture
def cold(hubspot: HubSpot, two_instances: list[Gunicorn]) -> str:
    """The name of a deal with a note, which nobody has read yet."""
    name = f"Cold {uuid.uuid4().hex}"
    (deal_id,) = hubspot.change({"do": "add_deal", "name": name})
    hubspot.change({"do": "add_activity", "object_type": "notes", "deals": [deal_id]})
    return name


def at_once(instances: list[Gunicorn], ask: Callable[[Gunicorn, int], requests.Response]) -> list[requests.Response]:
    """Return what many clients are answered who ask at the same moment, each on a connection of its own."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(ask, instances[number % len(instances)], number) for number in range(CLIENTS)]
        return [one.result() for one in asked]


def cost(hubspot: HubSpot) -> dict[str, int]:
    return {kind: count for kind, count in hubspot.calls().items() if kind in ONE_LOAD}


def waits_for_other_processes(instances: list[Gunicorn]) -> float:
    """Return how often a process waited for another one's load."""
    name = "dealcache_shared_flight_waits_total "
    lines = [line for service in instances for line in service.get("/metrics").text.splitlines()]
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_forty_clients_on_one_cold_deal_cost_one_load(
    two_instances: list[Gunicorn], hubspot: HubSpot, cold: str
) -> None:
    hubspot.steer("PATCH", "settings", latency=0.3)
    waits = waits_for_other_processes(two_instances)
    answers = at_once(two_instances, lambda service, number: service.get(VIEWS[number % 3], dealName=cold))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 3
    assert cost(hubspot) == ONE_LOAD
    assert waits_for_other_processes(two_instances) > waits


def test_forty_clients_on_a_deal_that_does_not_exist_cost_two_searches(
    two_instances: list[Gunicorn], hubspot: HubSpot
) -> None:
    unknown = f"Nobody's {uuid.uuid4().hex}"
    hubspot.steer("PATCH", "settings", latency=3.0)
    answers = at_once(two_instances, lambda service, number: service.get(VIEWS[number % 3], dealName=unknown))
    assert {answer.status_code for answer in answers} == {404}
    # By the whole name, and then by its words.
    assert cost(hubspot) == {"search": 2}


def test_refreshes_in_all_workers_share_one_fetch_and_none_follows(
    two_instances: list[Gunicorn], hubspot: HubSpot, cold: str
) -> None:
    for service in two_instances:
        service.get(READ, dealName=cold)
    hubspot.steer("PATCH", "settings", latency=0.3)
    hubspot.steer("DELETE", "calls")
    for _ in range(2):
        answers = at_once(two_instances, lambda service, _: service.get(READ, dealName=cold, refresh="true"))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert cost(hubspot) == ONE_LOAD


def test_when_the_worker_that_loads_is_killed_another_one_goes_on(
    two_instances: list[Gunicorn], hubspot: HubSpot, cold: str, database: Database[dict[str, Any]]
) -> None:
    hubspot.steer("PATCH", "settings", latency=5.0)
    here, there = two_instances
    with ThreadPoolExecutor(1 + CLIENTS) as pool:
        waits = waits_for_other_processes([there])
        lost = pool.submit(here.get, READ, dealName=cold)
        until(lambda: cost(hubspot))  # what it asks after it was killed would be counted as another load
        lease = until(lambda: database.load_leases.find_one({"end": None}))
        waiting: list[Future[requests.Response]] = [
            pool.submit(there.get, VIEWS[number % 3], dealName=cold) for number in range(CLIENTS)
        ]
        until(lambda: waits_for_other_processes([there]) > waits)
        killed = int(lease["owner"].rsplit("-", 2)[1])
        assert killed in here.workers()
        os.kill(killed, signal.SIGKILL)
        hubspot.steer("PATCH", "settings", latency=0)
        hubspot.steer("DELETE", "calls")
        assert {one.result().status_code for one in waiting} == {200}
        assert isinstance(lost.exception(), requests.ConnectionError)
    assert cost(hubspot) == ONE_LOAD
    until(lambda: any("did not renew its lease" in line["message"] for line in there.log()))
