"""Budgets that tell how long their callers waited: a job shows how much of its time HubSpot's limits cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Bucket, Budgets, Priority


class MeteredBudgets:
    """The same budgets as ``budgets``, with the waits measured.

    Args:
        budgets: the budgets that really count.
        waited: told the seconds that each caller waited, when it is let in; called from many threads. A caller that
            gave up is not told of.
        clock: the monotonic clock, in seconds.
    """

    def __init__(
        self, budgets: Budgets, waited: Callable[[float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._budgets = budgets
        self._waited = waited
        self._clock = clock

    def acquire(self, bucket: Bucket, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        """See :class:`~dealcache.hubspot.budgets.Budgets`."""
        return self._measured(self._budgets.acquire(bucket, deadline, priority))

    def pause(self, bucket: Bucket, seconds: float) -> None:
        """See :class:`~dealcache.hubspot.budgets.Budgets`."""
        self._budgets.pause(bucket, seconds)

    def adopt_app_limit(self, limit: int) -> None:
        """See :class:`~dealcache.hubspot.budgets.Budgets`."""
        self._budgets.adopt_app_limit(limit)

    def left(self, bucket: Bucket) -> int:
        """See :class:`~dealcache.hubspot.budgets.Budgets`."""
        return self._budgets.left(bucket)

    @contextmanager
    def _measured(self, slot: AbstractContextManager[None]) -> Iterator[None]:
        asked_at = self._clock()
        with slot:
            self._waited(self._clock() - asked_at)
            yield
