"""Live updates as the rest of the service sees them: changes go in, and clients of the WebSocket hear of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import datetime

from dealcache.changes import Changes
from dealcache.live.announcer import Announcer
from dealcache.live.clients import Observer
from dealcache.live.hub import Hub
from dealcache.live.places import make_room
from dealcache.repositories import DealInfoRepository


class LiveUpdates:
    """The hub and the announcer of one worker.

    Args:
        deals: tells what deals are called.
        observer: is told what happens.
        hold_seconds: for how long a change is held back; see :class:`.Announcer`.
        clock: the monotonic clock, in seconds.

    Attributes:
        hub: takes clients.
    """

    def __init__(
        self,
        deals: DealInfoRepository,
        observer: Observer,
        hold_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deals = deals
        self.hub = Hub(observer, clock)
        self._announcer = Announcer(self._names_of, self.hub, hold_seconds, clock)

    def announce(self, changes: Changes, at: datetime) -> None:
        """Tell all clients that want to know; returns at once.

        Args:
            changes: what this worker, or another one, found changed. Each change is to be announced once per worker,
                after what that worker has cached of it is let go.
            at: when that was, aware.
        """
        self._announcer.announce(changes, at)

    def start(self) -> None:
        """Begin. Called after the server has forked."""
        self.hub.start(make_room())
        self._announcer.start()

    def say_goodbye(self) -> None:
        """Close all connections, and take no new ones; does not wait. Called when the worker begins to stop."""
        self.hub.say_goodbye()

    def stop(self) -> None:
        """Say goodbye if that has not been said, and end."""
        self._announcer.stop()
        self.hub.stop()

    def _names_of(self, deal_ids: Collection[str]) -> dict[str, str]:
        return {deal_id: stored.deal.deal_name for deal_id, stored in self._deals.stored(deal_ids).items()}
