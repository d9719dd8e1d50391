"""``python -m tests.callers``: one worker that makes calls to HubSpot as fast as the shared budgets let it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from dealcache.deadline import Deadline
from dealcache.hubspot import Bucket, HubSpotError, HubSpotSession, Priority
from dealcache.hubspot.shared_budgets import SharedBudgets
from dealcache.redis_connection import RedisConnection
from dealcache.simulator.simulator import DEFAULT_TOKEN
from tests.e2e.programs import ROOT, Program, environment

#: How long each call may wait and last, in seconds.
PATIENCE = 60.0

#: A cheap call of each bucket: method, path and body.
CALLS = {
    Bucket.SEARCH: ("POST", "/crm/v3/objects/deals/search", {"limit": 1}),
    Bucket.APP: ("GET", "/account-info/v3/details", None),
    Bucket.ASSOCIATIONS: ("POST", "/crm/v4/associations/deals/notes/batch/read", {"inputs": [{"id": "1"}]}),
}


class Callers:
    """Some threads for each bucket, each of which makes one call after the other.

    Args:
        session: makes the calls.
        priority: who they pretend to be.
    """

    def __init__(self, session: HubSpotSession, priority: Priority) -> None:
        self._session = session
        self._priority = priority
        self._stopped = threading.Event()
        self.outcomes: Counter[str] = Counter()

    def call(self, bucket: Bucket) -> None:
        method, path, body = CALLS[bucket]
        while not self._stopped.is_set():
            try:
                self._session.call(
                    bucket, method, path, json=body, bucket=bucket, deadline=Deadline(PATIENCE), priority=self._priority
                )
            except HubSpotError as failure:
                self.outcomes[f"{bucket} {type(failure).__name__}"] += 1
            else:
                self.outcomes[bucket] += 1

    def stop(self) -> None:
        self._stopped.set()


class Worker(Program):
    """One such process.

    Args:
        directory: where it writes.
        redis: the URL of Redis.
        hubspot: the URL of HubSpot.
        priority: who its calls pretend to be.
        workers: how many of its like there are.
        buckets: which calls it makes.
    """

    def __init__(
        self,
        directory: Path,
        redis: str,
        hubspot: str,
        priority: Priority,
        workers: int,
        buckets: tuple[Bucket, ...] = tuple(Bucket),
    ) -> None:
        command = (sys.executable, "-m", "tests.callers", redis, hubspot, priority.name, str(workers), *buckets)
        self.priority = priority
        super().__init__(command, directory, environment(PYTHONPATH=str(ROOT)))

    def result(self) -> dict[str, int]:
        """End it; how many of its calls ended in which way."""
        self.stop()
        assert self.process.returncode == 0, self.err
        return json.loads(self.out)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("redis")
    parser.add_argument("hubspot")
    parser.add_argument("priority", type=Priority.__getitem__)
    parser.add_argument("workers", type=int)
    parser.add_argument("buckets", type=Bucket, nargs="+")
    options = parser.parse_args()
    connection = RedisConnection(options.redis, "callers", threads=len(Bucket))
    budgets = SharedBudgets(connection, lambda: options.workers)
    session = HubSpotSession(options.hubspot, DEFAULT_TOKEN, pool_size=32, budgets=budgets)
    callers = Callers(session, options.priority)
    for bucket in options.buckets:
        for _ in range(6):
            threading.Thread(target=callers.call, args=(bucket,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: callers.stop())
    while not callers._stopped.wait(0.2):
        pass
    time.sleep(1.0)  # for the calls under way
    sys.stdout.write(json.dumps(callers.outcomes))


if __name__ == "__main__":
    main()
