"""Turns changes into updates for clients: waits a moment, looks up the names of the deals, and publishes.

This happens in a background thread: the caller that reports a change must not wait, nor must the clients' thread wait
for MongoDB. Changes are kept by deal: a deal that changes again while it waits is announced once, with all changes. So
the number of waiting changes is bounded by the number of deals.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dealcache.background import BackgroundThread
from dealcache.live.hub import Hub
from dealcache.live.messages import DealUpdate
from dealcache.model.invalidation import Changes
from dealcache.repositories import StoreError

log = logging.getLogger(__name__)

#: How many deals are looked up together, and sent to a client in one piece.
MOST_AT_ONCE = 200

#: Seconds between two tries to look up names, and those after which updates go out without them: a change of primary
#: takes MongoDB some seconds, and an update that is not sent is lost for good.
RETRY_SECONDS, MOST_TRIES = 1.0, 120

#: Seconds to wait for the clients' thread before it gets more.
_PATIENCE = 5.0


@dataclass(slots=True)
class _PendingUpdate:
    """A deal to be announced: when it last changed, when it is due, the changed views, its names as far as known.

    ``due`` is a time of the monotonic clock.
    """

    at: datetime
    due: float
    views: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


class Announcer:
    """Announces changes to the clients of the hub.

    Args:
        names_of: looks up the names of deals, by id; raises StoreError.
        hub: publishes the updates.
        hold_seconds: how long a change is held back, so that a client that reads on receiving it finds the new value,
            whichever worker it asks. A client that connects meanwhile gets it too: it may have read the old value.
        clock: the monotonic clock, in seconds.

    ``thread`` is to be started after the fork. Changes that wait when it is stopped are dropped, because all clients
    are about to leave.
    """

    def __init__(
        self,
        names_of: Callable[[Collection[str]], Mapping[str, str]],
        hub: Hub,
        hold_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names_of = names_of
        self._hub = hub
        self._hold_seconds = hold_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _PendingUpdate] = OrderedDict()  # the first is due first
        self._failures = 0
        self._retry_at = float("-inf")
        self.thread = BackgroundThread("announcer", self.publish_due, retry_after=RETRY_SECONDS)

    def announce(self, changes: Changes, at: datetime) -> None:
        """Announce changes to the clients that subscribed to them; returns at once.

        Args:
            changes: what changed.
            at: when the change was noticed, aware.
        """
        if not changes.views or not (self._hold_seconds or self._hub.has_clients):
            return
        with self._lock:
            due = self._clock() + self._hold_seconds
            for deal_id, views in changes.views.items():
                waiting = self._waiting.setdefault(deal_id, _PendingUpdate(at, due))
                waiting.at, waiting.due = at, due
                waiting.views |= views
                waiting.names |= changes.names_of.get(deal_id, set())
                self._waiting.move_to_end(deal_id)
        self.thread.wake()

    def publish_due(self) -> float | None:
        """Announce all deals that are due; return the seconds until the next one is due, None if none waits."""
        if (left := self._retry_at - self._clock()) > 0:
            return left
        while batch := self._take_due():
            if not self._hub.has_clients:
                self._failures = 0
                continue
            try:
                names = self._names_of(batch.keys())
            except StoreError as error:
                self._failures += 1
                if self._failures < MOST_TRIES:
                    log.warning("%d changed deals will be announced later: %s", len(batch), error)
                    self._put_back(batch)
                    self._retry_at = self._clock() + RETRY_SECONDS
                    return RETRY_SECONDS
                names = {}
            self._failures = 0
            self._hub.publish(_updates(batch, names))
            self._hub.wait_until_idle(_PATIENCE)
        with self._lock:
            first = next(iter(self._waiting.values()), None)
        return None if first is None else max(0.0, first.due - self._clock())

    def _take_due(self) -> dict[str, _PendingUpdate]:
        now = self._clock()
        batch: dict[str, _PendingUpdate] = {}
        with self._lock:
            while self._waiting and len(batch) < MOST_AT_ONCE and next(iter(self._waiting.values())).due <= now:
                deal_id, waiting = self._waiting.popitem(last=False)
                batch[deal_id] = waiting
        return batch

    def _put_back(self, batch: Mapping[str, _PendingUpdate]) -> None:
        """Put the deals of a batch back in front of all others, merged with changes that have come meanwhile."""
        with self._lock:
            for deal_id, earlier in reversed(list(batch.items())):
                later = self._waiting.get(deal_id)
                if later is None:
                    self._waiting[deal_id] = earlier
                    self._waiting.move_to_end(deal_id, last=False)
                else:
                    later.views |= earlier.views
                    later.names |= earlier.names


def _updates(batch: Mapping[str, _PendingUpdate], names: Mapping[str, str]) -> list[DealUpdate]:
    return [
        DealUpdate(deal_id, names.get(deal_id) or _only(one.names), frozenset(one.views), one.at, frozenset(one.names))
        for deal_id, one in batch.items()
    ]


def _only(names: set[str]) -> str:
    """Return the only name; empty if there is none, or if it is unknown which of several is the present one."""
    return next(iter(names)) if len(names) == 1 else ""
