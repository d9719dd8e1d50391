"""What the tests of shared budgets are made with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Bucket, Budgets
from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.shared_budgets import SharedBudgets
from dealcache.hubspot.turnstile import Turnstile
from dealcache.redis_connection import RedisConnection
from tests.budgets_contract import use
from tests.unit.hubspot.clocks import HandClock

#: By then Redis is trusted to know all calls, and has forgotten those that were made before.
LONG = 60.0

#: Makes a connection to the Redis of this URL, as one worker has it.
Connect = Callable[[str], RedisConnection]

#: Makes the budgets of one worker; what is given goes to :class:`SharedBudgets`.
MakeWorker = Callable[..., SharedBudgets]

#: Makes a bucket as one of several workers has it: URL of Redis, calls, seconds, what makes the condition, workers.
MakeBucket = Callable[..., Turnstile]


def calls_at_once(worker: Budgets, clock: HandClock) -> int:
    """How many calls of the app a worker may start without waiting to speak of; it starts them."""
    count = 0
    with suppress(RateLimited):
        while True:
            use(worker, Bucket.APP, Deadline(0.005, clock))
            count += 1
    return count
