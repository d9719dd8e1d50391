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

#: Seconds between two tries to look names up, and after how many it is given up: a change of primary takes MongoDB
#: some seconds, and a change that nobody hears of would be lost for good.
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
    """A deal that is to be told of: what changed, its names as far as known, when, and from when on it may be told."""

    at: datetime
    due: float
    views: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


class Announcer:
    """The thread.

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
        hold_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names_of = names_of
        self._outlet = outlet
        self._hold_seconds = hold_seconds
        self._clock = clock
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin. Called after the server has forked."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; what waits is told to nobody, since all clients are about to leave."""
        self._stopped.set()
        with self._changed:
            self._changed.notify()

    def announce(self, changes: Changes, at: datetime) -> None:
        """Have those told who want to know; returns at once.

        Args:
            changes: what changed.
            at: when that was noticed, aware.
        """
        if not changes.views or not (self._hold_seconds or self._outlet.has_clients):
            return
        due = self._clock() + self._hold_seconds
        with self._changed:
            for deal_id, views in changes.views.items():
                waiting = self._waiting.setdefault(deal_id, _Waiting(at, due))
                waiting.at, waiting.due = at, due
                waiting.views |= views
                waiting.names |= changes.names_of.get(deal_id, set())
                self._waiting.move_to_end(deal_id)
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._next():
            if not self._outlet.has_clients:
                continue
            try:
                self._outlet.publish(self._updates(batch))
            except Exception:
                log.exception("telling clients of %d changed deals failed", len(batch))
            self._outlet.wait_until_idle(_PATIENCE)

    def _next(self) -> dict[str, _Waiting]:
        """Wait for deals that may be told of, and take them; empty at the end."""
        with self._changed:
            while not self._stopped.is_set():
                batch = self._take_due()
                if batch:
                    return batch
                first = next(iter(self._waiting.values()), None)
                self._changed.wait(None if first is None else max(0.0, first.due - self._clock()))
        return {}

    def _take_due(self) -> dict[str, _Waiting]:
        now = self._clock()
        batch: dict[str, _Waiting] = {}
        while self._waiting and len(batch) < MOST_AT_ONCE and next(iter(self._waiting.values())).due <= now:
            deal_id, waiting = self._waiting.popitem(last=False)
            batch[deal_id] = waiting
        return batch

    def _updates(self, batch: Mapping[str, _Waiting]) -> list[DealUpdate]:
        names = self._names(batch.keys())
        return [
            DealUpdate(deal_id, names.get(deal_id, ""), frozenset(one.views), one.at, frozenset(one.names))
            for deal_id, one in batch.items()
        ]

    def _names(self, deal_ids: Collection[str]) -> Mapping[str, str]:
        """What the deals are called; of those whose change showed a name that is known even without MongoDB."""
        for _ in range(MOST_TRIES):
            try:
                return self._names_of(deal_ids)
            except StoreError as error:
                log.warning("clients are told of %d changed deals when MongoDB answers: %s", len(deal_ids), error)
            if self._stopped.wait(RETRY_SECONDS):
                break
        return {}
