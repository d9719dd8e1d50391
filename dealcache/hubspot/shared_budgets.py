"""Budgets that all workers of all hosts share through Redis; how, and what is guaranteed, tells ``shared_slots.py``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dealcache.hubspot.budget_script import BudgetScript
from dealcache.hubspot.budgets import LIMITS
from dealcache.hubspot.local_budgets import alone
from dealcache.hubspot.shared_slots import SharedSlots
from dealcache.hubspot.slots import Workers
from dealcache.hubspot.turnstile import Turnstile, Turnstiles
from dealcache.redis_connection import RedisConnection


class SharedBudgets(Turnstiles):
    """One set of budgets for all workers whose connections have the same namespace.

    Args:
        connection: the way to Redis; three threads use it at once, at most.
        workers: how many workers there are, for the time without Redis; asked often, so it must not take long.
        clock: the monotonic clock, in seconds.
        condition: see :class:`~dealcache.hubspot.turnstile.Turnstile`.
        now: the time in seconds that Redis goes by; its own when None.
    """

    def __init__(
        self,
        connection: RedisConnection,
        workers: Workers = alone,
        clock: Callable[[], float] = time.monotonic,
        condition: Callable[[], threading.Condition] = threading.Condition,
        now: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(
            {
                bucket: Turnstile(
                    SharedSlots(BudgetScript(connection, bucket, period, now), bucket, limit, period, workers),
                    clock,
                    condition,
                )
                for bucket, (limit, period) in LIMITS.items()
            }
        )
