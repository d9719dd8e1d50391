"""Who may start a call of one bucket: what a turnstile asks, and the answer as one process alone can give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.pacing import SyncShare
from dealcache.hubspot.window import RollingWindow

#: Tells how many workers use HubSpot's limits, this one included.
Workers = Callable[[], int]


class Caller(NamedTuple):
    """Somebody who wants to make a call. Callers sort in the order in which they are served.

    Attributes:
        priority: who asks.
        number: his place among all who ever came to this turnstile.
    """

    priority: Priority
    number: int


class Slots(Protocol):
    """The slots of one bucket, wherever they are counted; used by one thread at a time.

    All times are seconds of the turnstile's monotonic clock.
    """

    def take(self, now: float, caller: Caller) -> float:
        """Let ``caller``, the first of the queue, start if he may.

        Returns:
            0.0 when he has started, else how many seconds he must wait at least before it is worth asking again.
        """

    def wait(self, now: float, caller: Caller, ahead: int) -> float:
        """Say how many seconds ``caller`` must wait at least, when ``ahead`` others of this process go first."""

    def finish(self, now: float, caller: Caller) -> None:
        """Note that the call is over which ``caller`` has started."""

    def pause(self, now: float, seconds: float) -> None:
        """Let nothing start for ``seconds``; a shorter pause never cuts a longer one."""

    def set_limit(self, now: float, limit: int) -> None:
        """Change the limit of the whole account to ``limit`` calls per period."""

    def left(self, now: float) -> int:
        """How many calls may start now."""


class LocalSlots:
    """This worker's equal share of the slots, counted in memory: all of them when it is the only one.

    Args:
        limit: calls per period of the whole account.
        period: seconds, a safety margin included.
        workers: how many workers share the limit; asked each time, and must not take long.
    """

    def __init__(self, limit: int, period: float, workers: Workers) -> None:
        self._limit = limit
        self._period = period
        self._workers = workers
        self._window = RollingWindow(limit, period)
        self._sync = SyncShare(self._window)

    def take(self, now: float, caller: Caller) -> float:
        """See :class:`Slots`."""
        wait = self.wait(now, caller, ahead=0)
        if wait <= 0.0:
            self.start(now, caller)
        return wait

    def wait(self, now: float, caller: Caller, ahead: int) -> float:
        """See :class:`Slots`."""
        self._cut()
        if caller.priority is Priority.INTERACTIVE:
            self._sync.note_reader(now)
        if caller.priority is Priority.SYNC:
            return self._sync.wait(now, ahead=ahead)
        return self._window.wait(now, ahead=ahead)

    def start(self, now: float, caller: Caller) -> None:
        """Occupy a slot, whether there is one or not: somebody else has let ``caller`` start."""
        self._window.start()
        if caller.priority is Priority.SYNC:
            self._sync.note_start(now)

    def finish(self, now: float, caller: Caller) -> None:
        """See :class:`Slots`."""
        self._window.finish(now)

    def pause(self, now: float, seconds: float) -> None:
        """See :class:`Slots`."""
        self._window.pause(now + seconds)

    def set_limit(self, now: float, limit: int) -> None:
        """See :class:`Slots`."""
        self._limit = limit

    def left(self, now: float) -> int:
        """See :class:`Slots`."""
        self._cut()
        return self._window.left(now)

    def frees(self, now: float) -> list[float]:
        """When each of the occupied slots frees, in ascending order, at the earliest."""
        return self._window.frees(now)

    def restart(self, frees: Sequence[float]) -> None:
        """Forget all calls; instead, let slots be occupied until the moments ``frees``, in ascending order."""
        self._cut()
        self._window.restart([moment - self._window.period for moment in frees])

    def _cut(self) -> None:
        """Cut this worker's share: where there are more workers than calls, one call in more than a period."""
        workers = max(1, self._workers())
        self._window.limit = max(1, self._limit // workers)
        self._window.period = self._period * max(1.0, workers / self._limit)
