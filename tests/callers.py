"""``python -m tests.callers``: one worker that makes calls to HubSpot as fast as the shared rate limits let it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import RateLimits
from dealcache.hubspot.limits.shared_window import shared_rate_limits
from dealcache.hubspot.retry import Asked
from dealcache.hubspot.session import HubSpotSession, NullObserver
from dealcache.hubspot.transport import Request
from dealcache.model.deadline import Deadline
from dealcache.redis_connection import RedisConnection
from dealcache.sandbox.simulator.simulator import DEFAULT_TOKEN
from tests.e2e.programs import ROOT, Program, environment

#: How long each call may wait and last, in seconds.
PATIENCE = 60.0

#: A cheap call of each bucket: method, path and body.
CALLS = {
    Bucket.SEARCH: ("POST", "/crm/v3/objects/deals/search", {"limit": 1}),
    Bucket.APP: ("GET", "/account-info/v3/details", None),
    Bucket.ASSOCIATIONS: ("POST", "/crm/v4/associations/deals/notes/batch/read", {"inputs": [{"id": "1"}]}),
}


class Callers(NullObserver):
    """Some threads for each bucket, each of which makes one call after the other.

    Args:
        url: where HubSpot is.
        rate_limits: those of all workers.
        priority: who the threads pretend to be.
    """

    def __init__(self, url: str, rate_limits: RateLimits, priority: Priority) -> None:
        self._session = HubSpotSession(url, DEFAULT_TOKEN, pool_size=32, rate_limits=rate_limits, observer=self)
        self._priority = priority
        self.stopped = threading.Event()
        self.calls: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def call_finished(self, endpoint: str, outcome: str, seconds: float) -> None:
        self.calls[endpoint] += 1
        self.seconds[endpoint] += seconds

    def call(self, bucket: Bucket) -> None:
        """Make calls of this bucket until told to stop."""
        method, path, body = CALLS[bucket]
        request, asked = Request(bucket, method, path, json=body), Asked(self._priority)
        while not self.stopped.is_set():
            try:
                self._session.call(request, bucket, Deadline(PATIENCE), asked)
            except HubSpotError as failure:
                self.failures[str(failure)] += 1


class Result(NamedTuple):
    """The work of a worker: calls and the seconds that they took altogether, by bucket; and failures."""

    calls: dict[str, int]
    seconds: dict[str, float]
    failures: dict[str, int]


class Worker(Program):
    """One such process.

    Args:
        directory: where it writes.
        redis: the URL of Redis.
        namespace: where the rate_limits are in it.
        hubspot: the URL of HubSpot.
        priority: who its calls pretend to be.
        workers: how many of its like there are.
        buckets: which calls it makes.
    """

    def __init__(
        self,
        directory: Path,
        redis: str,
        namespace: str,
        hubspot: str,
        priority: Priority,
        workers: int,
        buckets: tuple[Bucket, ...] = tuple(Bucket),
    ) -> None:
        program = (sys.executable, "-m", "tests.callers")
        arguments = (redis, namespace, hubspot, priority.name, str(workers), *buckets)
        super().__init__((*program, *arguments), directory, environment(PYTHONPATH=str(ROOT)))

    def result(self) -> Result:
        """End it; what it has done."""
        self.stop()
        assert self.process.returncode == 0, self.err
        return Result(**json.loads(self.out))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("redis")
    parser.add_argument("namespace")
    parser.add_argument("hubspot")
    parser.add_argument("priority", type=Priority.__getitem__)
    parser.add_argument("workers", type=int)
    parser.add_argument("buckets", type=Bucket, nargs="+")
    options = parser.parse_args()
    connection = RedisConnection(options.redis, options.namespace, threads=len(Bucket))
    rate_limits = shared_rate_limits(connection, lambda: options.workers)
    # Blocked in all threads, and waited for here: only the main thread could handle it, which nobody may wake for that.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    callers = Callers(options.hubspot, rate_limits, options.priority)
    for bucket in options.buckets:
        for _ in range(6):
            threading.Thread(target=callers.call, args=(bucket,), daemon=True).start()
    signal.sigwait((signal.SIGTERM,))
    callers.stopped.set()
    sys.stdout.write(
        json.dumps({"calls": callers.calls, "seconds": callers.seconds, "failures": callers.failures}, sort_keys=True)
    )


if __name__ == "__main__":
    main()
