"""What joins one process to all others, made of its parts; :mod:`dealcache.app` gives them to the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dealcache.group.colleagues import Colleagues
from dealcache.group.follower import Follower
from dealcache.group.journal import Journal
from dealcache.group.observer import Observer
from dealcache.group.signals import SignalListener, SignalSender
from dealcache.invalidation import Invalidation
from dealcache.reader import Fence, ReaderState, TieredCache, Trust
from dealcache.repositories import InvalidationFeed, InvalidationLog
from dealcache.tiers import MemoryTier, Tier

if TYPE_CHECKING:  # redis-py is there only where it is used
    from dealcache.redis_connection import RedisConnection


class Group:
    """One process's place among all that share the database.

    Args:
        record: the record of invalidations.
        feed: tells of its new entries where MongoDB can.
        redis: the Redis that processes share; None when there is none.
        memory: this process's memory tier.
        shared: the tier that processes share; None when there is none.
        colleagues: keeps in touch with the other processes.
        observer: is told, for metrics.
        heard: is given each recorded invalidation that says that views really changed, once.
        on_wait: called each time that a thread begins to wait for another one's load.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        record: InvalidationLog,
        feed: InvalidationFeed,
        redis: RedisConnection | None,
        memory: MemoryTier,
        shared: Tier | None,
        colleagues: Colleagues,
        observer: Observer,
        heard: Callable[[Invalidation], None],
        on_wait: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        fence = Fence()
        self.trust = Trust(clock, on_sure=observer.followed_until)
        self.state = ReaderState(TieredCache(memory, shared, fence, self.trust, clock), fence, on_wait)
        tell = _tell_nobody if redis is None else SignalSender(redis).tell
        self.journal = Journal(record, self.state, tell, heard, observer, lambda: datetime.fromtimestamp(clock(), UTC))
        self._follower = Follower(self.journal, feed, self.trust)
        self._listener = None if redis is None else SignalListener(redis, self.journal, self.trust)
        self._colleagues = colleagues

    def start(self) -> None:
        """Begin to hear of what others invalidate, and of what they ask. Called after the fork."""
        self._follower.start()
        if self._listener is not None:
            self._listener.start()
        self._colleagues.start()

    def stop(self) -> None:
        """Record what is left, and hear no more. Called before the connections are closed."""
        self.journal.close()
        if self._listener is not None:
            self._listener.stop()
        self._follower.stop()
        self._colleagues.stop()


def _tell_nobody(_entries: Sequence[Invalidation]) -> None:
    """Without Redis others find out by themselves, within a second."""
