"""The harness for tests of shared rate limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.limits.buckets import Bucket
from dealcache.hubspot.limits.rate_limiter import RateLimiter, RateLimits
from dealcache.model.deadline import Deadline
from dealcache.redis_connection import RedisConnection
from tests.rate_limits_contract import use
from tests.unit.hubspot.clocks import HandClock

#: By then all calls that were made before are forgotten.
LONG = 60.0

#: Makes a connection to the Redis of this URL, as one worker has it.
Connect = Callable[[str], RedisConnection]

#: Makes the rate limits of one worker; what is given goes to ``shared_rate_limits``.
MakeWorker = Callable[..., RateLimits]

#: Makes a bucket as one of several workers has it: URL of Redis, calls, seconds, what makes the condition, workers.
MakeBucket = Callable[..., RateLimiter]


def calls_at_once(worker: RateLimits, clock: HandClock) -> int:
    """Return how many calls of the app a worker may start without waiting to speak of; it starts them."""
    count = 0
    with suppress(RateLimited):
        while True:
            use(worker, Bucket.APP, Deadline(0.005, clock))
            count += 1
    return count
