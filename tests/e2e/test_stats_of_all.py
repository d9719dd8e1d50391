"""``cache-stats`` of two instances with two workers each, also while some of them die."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient

from tests.e2e.metrics import all_follow
from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot, StartService
from tests.redis_server import RedisServer
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

STATS = "/api/hubspot/cache-stats"
WORKERS = 4


class Instances:
    """Two instances of two workers each on one database, all of which have published their statistics."""

    def __init__(self, start: Callable[..., Gunicorn], mongodb_uri: str, **environ: str) -> None:
        name = f"test_{uuid.uuid4().hex}"
        self.both = [start(**{"MONGODB_DATABASE": name, "WEB_CONCURRENCY": "2"} | environ) for _ in range(2)]
        # Not asked of a worker: it does not tell what it has published itself.
        with MongoClient[dict[str, Any]](mongodb_uri) as client:
            published = client[name].worker_statistics
            until(lambda: published.count_documents({}) == WORKERS)
        #: How many reads there were before those of a test: after them, no worker lets anything go by itself.
        self.reads = sum(map(all_follow, self.both))

    def stats(self, workers: int = WORKERS, asked: int = 0, reads: int | None = None) -> dict[str, Any]:
        """Return what one of the two says once it covers so many workers and reads: two seconds later."""

        def told() -> dict[str, Any] | None:
            response = self.both[asked].get(STATS)
            assert response.status_code == 200, response.text
            content = response.json()
            known = reads in (None, content["hits"] + content["misses"])
            return content if known and content["complete"] and content["workers"] == workers else None

        return until(told)


def missing(stats: dict[str, Any]) -> set[str]:
    """Return the process ids of the workers that an answer lacks."""
    return {name.rpartition("-")[2] for name in stats["workers_missing"]}


@pytest.fixture(params=["without Redis", "with Redis"])
def instances(request: pytest.FixtureRequest, start_service: StartService, mongodb_uri: str) -> Instances:
    redis: RedisServer | None = request.getfixturevalue("own_redis") if request.param == "with Redis" else None
    return Instances(start_service, mongodb_uri, **({} if redis is None else {"REDIS_URL": redis.url}))


def test_reads_are_added_up_whichever_worker_answered_them(instances: Instances, hubspot: HubSpot) -> None:
    """Each request comes on a connection of its own, so that all workers get some."""
    names = [deal["name"] for deal in hubspot.steer("GET", "deals")["deals"][:5]]
    names.append(f"Nobody's {uuid.uuid4().hex}")
    before = instances.stats(reads=instances.reads)
    answered = {tier: count["hits"] for tier, count in before["tiers"].items()}
    for _ in range(8):
        for name in names:
            for service in instances.both:
                answer = service.get(READ, dealName=name)
                assert answer.status_code == (404 if name == names[-1] else 200)
                answered[answer.headers["X-Cache-Tier"]] += 1
    for asked in (0, 1):
        told = instances.stats(asked=asked, reads=sum(answered.values()))
        assert told["workers_missing"] == []
        assert {tier: count["hits"] for tier, count in told["tiers"].items()} == answered
        assert told["hits"] == answered["memory"] + answered["redis"]
        assert told["misses"] == answered["mongodb"] + answered["hubspot"]
        keys = [row["key"] for row in told["entries"]]
        assert len(keys) == len(set(keys)) == told["total_entries"]
        assert {key for key in keys if key.startswith("info:")} == {f"info:{name}" for name in (ACME, *names)}
        assert told["max_bytes"] == WORKERS * 268435456
        assert told["size_bytes"] == sum(row["size_bytes"] for row in told["entries"])


def test_one_worker_tells_its_own(instances: Instances) -> None:
    instances.both[0].get(READ, dealName=ACME)
    alone = instances.both[0].get(STATS, scope="worker").json()
    assert (alone["scope"], alone["workers"], alone["complete"]) == ("worker", 1, True)
    assert alone["max_bytes"] == 268435456


def test_a_worker_that_is_killed_soon_counts_no_longer(instances: Instances) -> None:
    first, second = instances.both
    before = second.workers()
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    answer = first.get(STATS).json()
    assert answer["complete"] or str(victim) in missing(answer)
    until(lambda: len(second.workers() - before) == 1)
    # Its successor counts, and it does not any more.
    told = instances.stats()
    assert told["workers_missing"] == []
    until(lambda: "dealcache_workers 4.0" in first.get("/metrics").text)


def test_an_instance_that_stops_in_good_order_counts_no_longer(instances: Instances) -> None:
    stopped = {str(pid) for pid in instances.both[1].workers()}
    instances.both[1].stop()
    assert stopped.isdisjoint(missing(instances.both[0].get(STATS).json()))
    assert instances.stats(workers=2)["complete"]
