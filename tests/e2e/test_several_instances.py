"""Several instances on one database: what one of them lets go, or sees changed, all others let go.

Each instance has one worker here, so that it is known who answers; that two workers of one instance do the same is
tested besides. The soak judges the contract's second; here all wait for what has to come, which a value that is not let
go would hide for ten minutes.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
import requests

from dealcache.sandbox.embedded import Mongod
from tests.e2e.metrics import all_follow
from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot, RunFlask, StartService
from tests.e2e.test_sync_webhooks import SECRET, deliver, first
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

CLEAR = "/api/hubspot/clear-endpoint-cache"
SYNC = "/api/hubspot/v2/sync"


class Instances:
    """Three instances on one database."""

    def __init__(self, start: Callable[..., Gunicorn], **environ: str) -> None:
        environ = {"MONGODB_DATABASE": f"test_{uuid.uuid4().hex}", "HUBSPOT_CLIENT_SECRET": SECRET} | environ
        self.all = [start(**environ) for _ in range(3)]
        self.first = self.all[0]
        for one in self.all:
            all_follow(one)

    def read(self, name: str = ACME, view: str = READ) -> list[requests.Response]:
        """Return what each of them answers now."""
        responses = [one.get(view, dealName=name) for one in self.all]
        assert [response.status_code for response in responses] == [200] * 3, [one.text for one in responses]
        return responses

    def warm(self, name: str = ACME) -> None:
        """Let each of them have the deal in memory."""
        until(lambda: {one.headers.get("X-Cache-Tier") for one in self.read(name)} == {"memory"})

    def tiers(self, name: str = ACME) -> set[str]:
        return {one.headers["X-Cache-Tier"] for one in self.read(name)}

    def holds(self, key: str) -> list[bool]:
        """Return which of them have a value in memory, without reading it."""
        answers = [one.get("/api/hubspot/cache-stats", scope="worker", prefix=key).json() for one in self.all]
        return [key in {entry["key"] for entry in answer["entries"]} for answer in answers]

    def amounts(self, name: str) -> set[float]:
        return {one.json()["amount"] for one in self.read(name)}


@pytest.fixture(params=["without Redis", "with Redis"])
def instances(request: pytest.FixtureRequest, start_service: StartService) -> Instances:
    redis: RedisServer | None = request.getfixturevalue("own_redis") if request.param == "with Redis" else None
    return Instances(start_service, **({} if redis is None else {"REDIS_URL": redis.url}))


def tier(service: Gunicorn) -> str | None:
    """The tier that answers the service's next read."""
    return service.get(READ, dealName=ACME).headers.get("X-Cache-Tier")


def cache_status(response: requests.Response) -> str:
    return response.headers.get("Cache-Status", "")


def clear(service: Gunicorn, **query: str) -> requests.Response:
    return requests.delete(service.url + CLEAR, params=query, timeout=60)


def a_deal(hubspot: HubSpot, amount: int) -> tuple[str, str]:
    """A new deal; its name and id."""
    name = f"Deal {uuid.uuid4().hex}"
    (deal_id,) = hubspot.change({"do": "add_deal", "name": name, "properties": {"amount": str(amount)}})
    return name, str(deal_id)


def change(hubspot: HubSpot, deal_id: str, amount: int) -> None:
    hubspot.change(
        {"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"amount": str(amount)}}
    )


@pytest.mark.parametrize("what", [{}, {"dealName": ACME}], ids=["all", "one deal"])
def test_a_clear_reaches_every_worker(instances: Instances, what: dict[str, str]) -> None:
    for cleared in instances.all:
        instances.warm()
        response = clear(cleared, **what)
        assert response.status_code == 200, response.text
        assert response.json()["entries_cleared"] >= 1
        assert cleared.get(READ, dealName=ACME).headers["X-Cache-Tier"] == "mongodb"
        for other in instances.all:
            if other is not cleared:
                until(lambda other=other: tier(other) in ("mongodb", "redis"))


def test_what_a_refresh_brings_is_shown_by_all(instances: Instances, hubspot: HubSpot) -> None:
    name, deal_id = a_deal(hubspot, 1)
    instances.warm(name)
    change(hubspot, deal_id, 2)
    refreshed = instances.first.get(READ, dealName=name, refresh="true")
    assert (refreshed.headers["X-Cache-Tier"], refreshed.json()["amount"]) == ("hubspot", 2.0)
    until(lambda: instances.first.get(READ, dealName=name).headers.get("X-Cache-Tier") == "memory")
    until(lambda: instances.amounts(name) == {2.0})


def test_what_a_sync_changes_is_shown_by_all_and_nothing_else_is_let_go(instances: Instances, hubspot: HubSpot) -> None:
    name, deal_id = a_deal(hubspot, 1)
    instances.warm(name)
    instances.warm(ACME)
    change(hubspot, deal_id, 2)
    job = instances.first.post(SYNC, deal=deal_id).json()["job_id"]
    until(lambda: instances.all[1].get(f"{SYNC}/status/{job}").json()["status"] == "completed")
    until(lambda: instances.amounts(name) == {2.0})
    assert instances.holds(f"info:{ACME}") == [True] * 3


def test_what_a_webhook_tells_of_is_shown_by_all(instances: Instances, hubspot: HubSpot) -> None:
    name, deal_id = a_deal(hubspot, 1)
    instances.warm(name)
    change(hubspot, deal_id, 2)
    event = f'[{{"subscriptionType":"deal.propertyChange","objectId":{deal_id},"propertyName":"amount",'
    body = f'{event}"occurredAt":{int(time.time() * 1000)}}}]'.encode()
    assert deliver(instances.first, body, first(body))[0] == 200
    until(lambda: instances.amounts(name) == {2.0})


def test_a_sync_of_the_command_line_reaches_the_service(
    run_flask: RunFlask, start_service: StartService, hubspot: HubSpot
) -> None:
    database = f"test_{uuid.uuid4().hex}"
    service = start_service(MONGODB_DATABASE=database)
    name, deal_id = a_deal(hubspot, 1)
    until(lambda: service.get(READ, dealName=name).headers.get("X-Cache-Tier") == "memory")
    change(hubspot, deal_id, 2)
    command = run_flask("sync", "--deal", deal_id, MONGODB_DATABASE=database, HUBSPOT_BASE_URL=hubspot.url)
    assert command.ended() == 0, command.said
    until(lambda: service.get(READ, dealName=name).json()["amount"] == 2.0)


def test_two_workers_of_one_instance_let_go_together(start_service: StartService) -> None:
    service = start_service(WEB_CONCURRENCY="2")
    all_follow(service)

    def workers_with(tier: str) -> set[int]:
        answers = service.get_from_each(READ, dealName=ACME)
        return {worker for worker in answers if any(one.headers["X-Cache-Tier"] == tier for one in answers[worker])}

    for _ in range(3):
        until(lambda: workers_with("memory") == service.workers())
        assert clear(service).status_code == 200
        let_go: set[int] = set()

        def all_have_let_go(let_go: set[int] = let_go) -> bool:
            let_go |= workers_with("mongodb")
            return service.workers() <= let_go

        until(all_have_let_go)


def test_redis_going_away_in_between_costs_nothing_but_speed(
    start_service: StartService, hubspot: HubSpot, own_redis: RedisServer
) -> None:
    instances = Instances(start_service, REDIS_URL=own_redis.url)
    own_redis.freeze()
    instances.warm()
    assert clear(instances.first).status_code == 200
    for one in instances.all:
        until(lambda one=one: tier(one) == "mongodb")
    own_redis.thaw()
    own_redis.kill()
    instances.warm()
    assert clear(instances.first).status_code == 200
    for one in instances.all:
        until(lambda one=one: tier(one) == "mongodb")


def test_without_mongodb_a_clear_says_503_and_reaches_others_when_it_is_back(
    start_service: StartService, hubspot: HubSpot, tmp_path, request: pytest.FixtureRequest
) -> None:
    mongod = Mongod(tmp_path / "own" / "data", free_port())
    request.addfinalizer(mongod.kill)
    instances = Instances(start_service, MONGODB_URI=mongod.start())
    instances.warm()
    mongod.kill()
    response = clear(instances.first)
    assert response.status_code == 503
    assert "MongoDB" in response.json()["detail"]
    assert int(response.headers["Retry-After"]) > 0
    # The others cannot be sure now: what they hold they serve only where HubSpot fails as well.
    hubspot.steer("POST", "faults", match=".", status=503)
    unsure = until(
        lambda: (read := instances.all[1].get(READ, dealName=ACME)) and "unsure" in cache_status(read) and read
    )
    assert (unsure.status_code, unsure.headers["X-Cache-Tier"]) == (200, "memory")
    assert "detail=unsure" in cache_status(unsure)
    assert instances.first.get(READ, dealName=ACME).status_code == 502  # it has been cleared here
    hubspot.reset()

    mongod.start()
    until(lambda: all(one.get("/readyz").status_code == 200 for one in instances.all))
    until(lambda: instances.tiers() == {"memory"})
    # Each leaves MongoDB alone for two seconds after its last failure.
    until(lambda: clear(instances.first).status_code == 200)
