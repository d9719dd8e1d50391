"""Makes updates for clients out of changes: waits a moment, looks up what the deals are called, and publishes.

It works in a thread of its own, for whoever reports a change must not wait, and neither must the clients' thread for
MongoDB. What waits here is kept by deal: one that changes again while it waits is told of once, with all that changed.
So what waits is bounded by the number of deals, whatever happens.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dealcache.changes import Changes
from dealcache.live.updates import DealUpdate
from dealcache.repositories import StoreError

log = logging.getLogger(__name__)

#: How many deals are looked up together; also how much goes out to a client in one piece.
MOST_AT_ONCE = 200

#: Seconds between two tries to look names up, and after how many clients are told without: a change of primary takes
#: MongoDB some seconds, and an update that does not go out is lost for good.
RETRY_SECONDS, MOST_TRIES = 1.0, 120

#: For how long the clients' thread is waited for before it gets more, in seconds.
_PATIENCE = 5.0


class Outlet(Protocol):
    """Where updates go: the hub."""

    @property
    def has_clients(self) -> bool:
        """Whether there is anybody to be told anything."""

    def publish(self, updates: Sequence[DealUpdate]) -> None:
        """Tell those who want to know."""

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until all that was published is under way."""


@dataclass(slots=True)
class _Waiting:
    """A deal to be told of: when it changed last, from when on it may be told, what changed, its names as far as known.

    ``due`` is a time of the monotonic clock.
    """

    at: datetime
    due: float
    views: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


class Announcer:
    """Keeps what is to be told, and tells it.

    Args:
        names_of: looks up what deals are called, by id; raises StoreError.
        outlet: where the updates go.
        hold_seconds: for how long a change is held back, so that whoever reads on being told finds the new value,
            whichever worker he asks. Who connects meanwhile is told too: what he reads first may be the old value.
        clock: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        names_of: Callable[[Collection[str]], Mapping[str, str]],
        outlet: Outlet,
        hold_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names_of = names_of
        self._outlet = outlet
        self._hold_seconds = hold_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()  # the first is due first
        self._failures = 0
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin. Called after the server has forked."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; what waits is told to nobody, since all clients are about to leave."""
        self._stopped.set()
        self._woken.set()

    def announce(self, changes: Changes, at: datetime) -> None:
        """Have those told who want to know; returns at once.

        Args:
            changes: what changed.
            at: when that was noticed, aware.
        """
        if not changes.views or not (self._hold_seconds or self._outlet.has_clients):
            return
        with self._lock:
            due = self._clock() + self._hold_seconds
            for deal_id, views in changes.views.items():
                waiting = self._waiting.setdefault(deal_id, _Waiting(at, due))
                waiting.at, waiting.due = at, due
                waiting.views |= views
                waiting.names |= changes.names_of.get(deal_id, set())
                self._waiting.move_to_end(deal_id)
        self._woken.set()

    def tell_due(self) -> float | None:
        """Tell of all deals whose time has come; gives the seconds until the next one's comes, None when none waits."""
        while batch := self._take_due():
            if not self._outlet.has_clients:
                self._failures = 0
                continue
            try:
                names = self._names_of(batch.keys())
            except StoreError as error:
                self._failures += 1
                if self._failures < MOST_TRIES:
                    log.warning("clients will be told of %d changed deals later: %s", len(batch), error)
                    self._put_back(batch)
                    return RETRY_SECONDS
                names = {}
            self._failures = 0
            self._outlet.publish(_updates(batch, names))
            self._outlet.wait_until_idle(_PATIENCE)
        with self._lock:
            first = next(iter(self._waiting.values()), None)
        return None if first is None else max(0.0, first.due - self._clock())

    def _take_due(self) -> dict[str, _Waiting]:
        now = self._clock()
        batch: dict[str, _Waiting] = {}
        with self._lock:
            while self._waiting and len(batch) < MOST_AT_ONCE and next(iter(self._waiting.values())).due <= now:
                deal_id, waiting = self._waiting.popitem(last=False)
                batch[deal_id] = waiting
        return batch

    def _put_back(self, batch: Mapping[str, _Waiting]) -> None:
        """Have the deals of a batch wait again, before all others; one that has changed meanwhile waits with that."""
        with self._lock:
            for deal_id, earlier in reversed(list(batch.items())):
                later = self._waiting.get(deal_id)
                if later is None:
                    self._waiting[deal_id] = earlier
                    self._waiting.move_to_end(deal_id, last=False)
                else:
                    later.views |= earlier.views
                    later.names |= earlier.names

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                pause = self.tell_due()
            except Exception:
                log.exception("telling clients of changed deals failed")
                pause = RETRY_SECONDS
            if self._failures:
                self._stopped.wait(pause)
            else:
                self._woken.wait(pause)


def _updates(batch: Mapping[str, _Waiting], names: Mapping[str, str]) -> list[DealUpdate]:
    return [
        DealUpdate(deal_id, names.get(deal_id) or _only(one.names), frozenset(one.views), one.at, frozenset(one.names))
        for deal_id, one in batch.items()
    ]


def _only(names: set[str]) -> str:
    """The one name; empty when there is none, or when nobody can say which of several is the present one."""
    return next(iter(names)) if len(names) == 1 else ""
