"""Four workers, each a process of its own, call as fast as they may; HubSpot, with its real limits, refuses none."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dealcache.hubspot import Priority
from tests.callers import Worker
from tests.e2e.programs import HubSpot
from tests.redis_server import RedisServer

READERS, SYNCS = (Priority.INTERACTIVE,), (Priority.SYNC,)

#: How much of what the limits allow is used.
USED = 0.9

#: Calls in ten seconds of each sort that HubSpot's limits allow.
ALLOWED = {"search": 50, "account": 190, "associations": 150}

#: Seconds after which Redis is trusted, and for which calls are counted.
SETTLING, COUNTED = 16.0, 20.0


@pytest.fixture
def hubspot(tmp_path: Path) -> Iterator[HubSpot]:
    program = HubSpot(tmp_path / "hubspot", "--deals", "50", "--limits", "on", "--latency-ms", "50")
    yield program
    program.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def start(tmp_path: Path, redis: RedisServer, hubspot: HubSpot) -> Iterator[Callable[..., list[Worker]]]:
    """Starts a worker for each of the priorities."""
    workers: list[Worker] = []

    def make(*priorities: Priority) -> list[Worker]:
        for number, priority in enumerate(priorities):
            workers.append(Worker(tmp_path / f"worker{number}", redis.url, hubspot.url, priority, len(priorities)))
        return workers

    yield make
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


def calls_of(hubspot: HubSpot) -> list[dict[str, Any]]:
    return hubspot.steer("GET", "calls?limit=100000")["calls"]


def used(calls: list[dict[str, Any]], since: float) -> dict[str, float]:
    """How much of what the limits allow the calls of the counted time were, by their sort."""
    counts = Counter(call["kind"] for call in calls if since <= call["started"] < since + COUNTED)
    return {kind: counts[kind] / (allowed * COUNTED / 10.0) for kind, allowed in ALLOWED.items()}


def assert_none_refused(calls: list[dict[str, Any]]) -> None:
    assert [call for call in calls if call["status"] != 200] == []


@pytest.mark.parametrize("priorities", [2 * READERS + 2 * SYNCS, 4 * SYNCS], ids=["readers and syncs", "syncs"])
def test_the_limits_are_used_and_nothing_is_refused(start, hubspot, priorities, record_property):
    workers = start(*priorities)
    time.sleep(SETTLING)
    since = time.time()
    time.sleep(COUNTED)
    calls = calls_of(hubspot)
    outcomes = [worker.result() for worker in workers]
    record_property("used of the limits", used(calls, since))
    record_property("calls of each worker", outcomes)
    assert_none_refused(calls)
    for kind, share in used(calls, since).items():
        # Of five searches a sync leaves one to readers, also where there are none.
        allowed = 0.8 if kind == "search" and Priority.INTERACTIVE not in priorities else 1.0
        assert share >= USED * allowed, (kind, share)
    if Priority.INTERACTIVE in priorities:
        # A reader goes first, whichever worker he came to.
        by_priority = Counter()
        for worker, outcome in zip(workers, outcomes, strict=True):
            by_priority[worker.priority] += outcome["app"]
        assert by_priority[Priority.INTERACTIVE] > 4 * by_priority[Priority.SYNC]


@pytest.mark.timeout(180)
def test_nothing_is_refused_while_redis_comes_and_goes(start, redis, hubspot, record_property):
    workers = start(*2 * READERS, *2 * SYNCS)
    time.sleep(SETTLING + 4.0)
    redis.kill()
    time.sleep(14.0)
    redis.start()
    time.sleep(SETTLING + 6.0)
    redis.freeze()
    time.sleep(3.0)
    redis.thaw()
    time.sleep(SETTLING + 3.0)
    redis.kill()
    redis.start()
    time.sleep(12.0)
    calls = calls_of(hubspot)
    record_property("calls of each worker", [worker.result() for worker in workers])
    seconds = calls[-1]["started"] - calls[0]["started"]
    counts = Counter(call["kind"] for call in calls)
    shares = {kind: counts[kind] / (allowed * seconds / 10.0) for kind, allowed in ALLOWED.items()}
    record_property("used of the limits", shares)
    assert_none_refused(calls)
    assert min(shares.values()) > 0.6, shares
