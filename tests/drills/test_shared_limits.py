"""Four workers, each a process of its own, call as fast as they may; HubSpot, with its real limits, refuses none."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dealcache.hubspot.limits.buckets import Bucket, Priority
from tests.callers import Result, Worker
from tests.e2e.programs import HubSpot
from tests.redis_server import RedisServer
from tests.waiting import until

READERS, SYNCS = (Priority.INTERACTIVE,), (Priority.SYNC,)

#: How many of all calls may be refused while Redis comes and goes four times in a minute and a half.
REFUSED = 0.05

#: How much of what the limits allow is used.
USED = 0.9

#: HubSpot's limits: calls and seconds.
LIMITS = {Bucket.SEARCH: (5, 1.0), Bucket.APP: (190, 10.0), Bucket.ASSOCIATIONS: (150, 10.0)}

#: How HubSpot's record calls the calls of each.
KINDS = {Bucket.SEARCH: "search", Bucket.APP: "account", Bucket.ASSOCIATIONS: "associations"}

#: Seconds after which no call of before counts, and for which calls are counted.
SETTLING, COUNTED = 20.0, 20.0


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
    """Starts a worker for each of the priorities, and waits for some seconds."""
    workers: list[Worker] = []

    def make(*priorities: Priority) -> list[Worker]:
        for number, priority in enumerate(priorities):
            place = tmp_path / f"worker{number}"
            workers.append(Worker(place, redis.url, "drill", hubspot.url, priority, len(priorities)))
        until(lambda: calls_of(hubspot))
        time.sleep(SETTLING)
        return workers

    yield make
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


def calls_of(hubspot: HubSpot) -> list[dict[str, Any]]:
    return hubspot.steer("GET", "calls?limit=100000")["calls"]


def share_used(calls: list[dict[str, Any]], seconds: float, results: list[Result]) -> dict[str, float]:
    """Return the share of the limits used in so many seconds; a slot is held while its call lasts, too."""
    counts = Counter(call["kind"] for call in calls)
    shares = {}
    for bucket, (limit, period) in LIMITS.items():
        lasts = sum(result.seconds.get(bucket, 0.0) for result in results) / sum(
            result.calls.get(bucket, 0) for result in results
        )
        shares[bucket.value] = counts[KINDS[bucket]] * (period + lasts) / (limit * seconds)
    return shares


def assert_none_refused(calls: list[dict[str, Any]], results: list[Result]) -> None:
    assert [call for call in calls if call["status"] == 429] == []
    assert [result.failures for result in results] == [{}] * len(results)


def count_undisturbed(workers: list[Worker]) -> float:
    """Let the time pass for which calls are counted, again if need be; when it began.

    On a machine so busy that Redis is late with an answer, each worker keeps to its share for a while.
    """
    for _ in range(4):
        said, since = [worker.err for worker in workers], time.time()
        time.sleep(COUNTED)
        if [worker.err for worker in workers] == said:
            return since
        time.sleep(SETTLING)
    raise AssertionError(f"Redis was late again and again: {said}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("priorities", [2 * READERS + 2 * SYNCS, 4 * SYNCS], ids=["readers and syncs", "syncs"])
def test_the_limits_are_used_and_nothing_is_refused(start, hubspot, priorities, record_property):
    workers = start(*priorities)
    since = count_undisturbed(workers)
    calls = calls_of(hubspot)
    results = [worker.result() for worker in workers]
    counted = [call for call in calls if since <= call["started"] < since + COUNTED]
    shares = share_used(counted, COUNTED, results)
    record_property("used of the limits", shares)
    record_property("calls of each worker", [result.calls for result in results])
    assert_none_refused(calls, results)
    for bucket, share in shares.items():
        # Of five searches a sync leaves one to readers, also where there are none.
        possible = 0.8 if bucket == Bucket.SEARCH and Priority.INTERACTIVE not in priorities else 1.0
        assert share >= USED * possible, shares
    if Priority.INTERACTIVE in priorities:
        # A reader goes first, whichever worker he came to.
        readers, syncs = results[:2], results[2:]
        assert sum(one.calls["app"] for one in readers) > 3 * sum(one.calls.get("app", 0) for one in syncs)


@pytest.mark.timeout(180)
def test_hardly_anything_is_refused_while_redis_comes_and_goes(start, redis, hubspot, record_property):
    workers = start(*2 * READERS, *2 * SYNCS)
    redis.kill()
    time.sleep(14.0)
    redis.start()
    time.sleep(SETTLING)
    redis.freeze()
    time.sleep(3.0)
    redis.thaw()
    time.sleep(SETTLING)
    redis.kill()
    redis.start()
    time.sleep(12.0)
    calls = calls_of(hubspot)
    results = [worker.result() for worker in workers]
    shares = share_used(calls, calls[-1]["started"] - calls[0]["started"], results)
    record_property("used of the limits", shares)
    record_property("calls of each worker", [result.calls for result in results])
    refused = [call["started"] for call in calls if call["status"] == 429]
    record_property("refused calls", len(refused))
    # At each change the workers may overshoot for one period, and a refusal pauses them all.
    assert len(refused) <= REFUSED * len(calls)
    # A sync may wait in vain behind readers who take all that there is; the readers get what they want.
    assert [result.failures for result in results[:2]] == [{}, {}]
    assert min(shares.values()) > 0.7, shares
