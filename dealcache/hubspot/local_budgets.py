"""Budgets of one process, counted in its memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dealcache.hubspot.budgets import LIMITS
from dealcache.hubspot.slots import LocalSlots, Workers
from dealcache.hubspot.turnstile import Turnstile, Turnstiles


def alone() -> int:
    """The number of workers where there is one."""
    return 1


class LocalBudgets(Turnstiles):
    """The budgets of a process that knows nothing of other workers but how many there are: each keeps to its share.

    Args:
        clock: the monotonic clock, in seconds.
        condition: see :class:`~dealcache.hubspot.turnstile.Turnstile`.
        workers: how many workers share the limits.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        condition: Callable[[], threading.Condition] = threading.Condition,
        workers: Workers = alone,
    ) -> None:
        super().__init__(
            {
                bucket: Turnstile(LocalSlots(limit, period, workers), clock, condition)
                for bucket, (limit, period) in LIMITS.items()
            }
        )
