"""Four processes search as fast as they may, and HubSpot refuses none; the drill of the same does it for longer."""

from __future__ import annotations

from collections import Counter

from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.sandbox.simulator import Simulator, demo_data
from dealcache.sandbox.simulator.simulator import DEFAULT_LIMITS, DEFAULT_TOKEN
from tests.callers import Worker
from tests.waiting import until

#: How many searches are waited for: those of some seconds.
SEARCHES = 25


def test_processes_share_the_limit_of_searches(tmp_path, redis_url, namespace):
    priorities = (Priority.INTERACTIVE, Priority.INTERACTIVE, Priority.SYNC, Priority.SYNC)
    with Simulator(demo_data(3), token=DEFAULT_TOKEN, limits=DEFAULT_LIMITS) as hubspot:
        workers = [
            Worker(tmp_path / str(number), redis_url, namespace, hubspot.base_url, priority, 4, (Bucket.SEARCH,))
            for number, priority in enumerate(priorities)
        ]
        try:
            # One more for each worker: it may be stopped before it has counted the answer to its last one.
            until(lambda: hubspot.calls.count("search") >= SEARCHES + len(workers))
        finally:
            for worker in workers:
                worker.stop()
    assert Counter(call.status for call in hubspot.calls).keys() == {200}
    results = [worker.result() for worker in workers]
    assert [result.failures for result in results] == [{}] * 4
    assert sum(result.calls.get("search", 0) for result in results) >= SEARCHES
