"""Everything that one soak runs: mongod, Redis, a simulated HubSpot, and the instances of the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from dealcache.sandbox.embedded import Mongod
from tests.e2e.programs import TOKEN, HubSpot
from tests.redis_server import RedisServer
from tests.soak.instance import Instance
from tests.soak.poison import poisons
from tests.soak.versions import Specimen, first_version, marker_of

SECRET = "soak-client-secret"  # signs webhooks of the simulated HubSpot
WEBHOOKS = "/api/hubspot/webhooks"

#: Deals that only the soak changes, and others that are there to be synced too.
TEST_DEALS, OTHER_DEALS = 12, 40

#: Seconds that HubSpot holds back each answer.
LATENCY = 0.02

#: Seconds until a read gives up on HubSpot: less than HubSpot is away at most, so that old values must serve.
DEADLINE = "5"

#: Far more calls than the soak makes; HubSpot's answers tell the service so.
_LIMITS = {"ten_secondly": 10_000, "search_per_second": 200, "associations_ten_secondly": 10_000}


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a deployment, and its parts."""

    instances: int = 2
    workers: int = 2
    redis: bool = True
    replica_set: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """One deployment that runs."""

    directory: Path
    mongod: Mongod
    mongodb_uri: str
    redis: RedisServer | None
    hubspot: HubSpot
    instances: list[Instance]
    deals: list[Specimen]

    def workers(self) -> dict[int, str]:
        """The workers of all instances: process ids with the names of their instances."""
        return {pid: instance.name for instance in self.instances for pid in instance.workers()}

    def amounts(self) -> dict[str, int]:
        """The version of each test deal as HubSpot itself tells it."""
        inputs = [{"id": deal.deal_id} for deal in self.deals]
        response = requests.post(
            f"{self.hubspot.url}/crm/v3/objects/deals/batch/read",
            json={"inputs": inputs, "properties": ["amount"]},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
        )
        response.raise_for_status()
        return {one["id"]: int(one["properties"]["amount"]) for one in response.json()["results"]}


@contextmanager
def running(directory: Path, shape: Shape) -> Iterator[Site]:
    """Start a deployment, and end all its processes at the end, whatever happens.

    To be entered by the main thread: mongod and the instances end with the thread that started them.

    Args:
        directory: where everything writes.
        shape: what it is made of.
    """
    with ExitStack() as stack:
        mongod = Mongod(directory / "mongod" / "data", replica_set="soak" if shape.replica_set else None)
        mongodb_uri = mongod.start()
        stack.callback(mongod.stop)
        redis = None
        if shape.redis:
            redis = RedisServer(directory / "redis")
            stack.callback(redis.kill)
            redis.start()
        hubspot = HubSpot(directory / "hubspot", "--deals", str(OTHER_DEALS))
        stack.callback(hubspot.stop)
        deals = _make_deals(hubspot)
        for one in poisons(hubspot.steer("GET", "truth")["deals"], frozenset(deal.deal_id for deal in deals)):
            hubspot.steer("POST", "poisons", **one)
        hubspot.steer("PATCH", "settings", latency=LATENCY, limits=_LIMITS)
        settings = _settings(hubspot.url, mongodb_uri, redis)
        instances = [
            Instance(f"instance {number}", directory / f"instance-{number}", settings, shape.workers)
            for number in range(1, shape.instances + 1)
        ]
        for instance in instances:
            stack.callback(instance.stop)
            instance.start()
        yield Site(directory, mongod, mongodb_uri, redis, hubspot, instances, deals)


def _settings(hubspot_url: str, mongodb_uri: str, redis: RedisServer | None) -> dict[str, str]:
    settings: dict[str, Any] = {
        "HUBSPOT_BASE_URL": hubspot_url,
        "HUBSPOT_ACCESS_TOKEN": TOKEN,
        "HUBSPOT_CLIENT_SECRET": SECRET,
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": "soak",
        "HUBSPOT_DEADLINE_SECONDS": DEADLINE,
        # So that deals are read again behind now and then. More often the re-reads alone would take two thirds of what
        # HubSpot's limits leave to a worker without Redis, and readers would rightly get 503.
        "MAX_DATA_AGE_SECONDS": "120",
        # East of Greenwich the last second of the calendar is beyond it.
        "TIMELINE_TIMEZONE": "Europe/Berlin",
        "LOG_FORMAT": "json",
    }
    return settings | ({"REDIS_URL": redis.url} if redis is not None else {})


def _make_deals(hubspot: HubSpot) -> list[Specimen]:
    names = [f"Soak deal {number:02}" for number in range(1, TEST_DEALS + 1)]
    deal_ids = [str(one) for one in hubspot.change(*(first_version(name) for name in names))]
    marker_ids = [str(one) for one in hubspot.change(*(marker_of(deal_id) for deal_id in deal_ids))]
    return [Specimen(*one) for one in zip(deal_ids, names, marker_ids, strict=True)]
