"""Wiring of the parts that keep the caches of all processes coherent."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dealcache.invalidation.follower import LogFollower
from dealcache.invalidation.publisher import InvalidationPublisher
from dealcache.invalidation.redis_channel import RedisSubscriber, publish
from dealcache.model.invalidation import Invalidation
from dealcache.reader.fence import Fence
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.state import ReaderState
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories import InvalidationFeed, InvalidationLog
from dealcache.tiers import MemoryTier, Tier

if TYPE_CHECKING:  # redis-py is installed only where it is used
    from dealcache.redis_connection import RedisConnection


class Invalidations:
    """This process's part in the invalidations of all processes that share the database.

    Args:
        invalidation_log: the log of invalidations.
        feed: new entries of the log as they are written, if MongoDB has change streams.
        redis: the Redis that processes share; None when there is none.
        memory: this process's memory tier.
        shared: the tier that processes share; None when there is none.
        on_recorded: called with the number of entries that this process has added to the log.
        on_applied: called for each entry that this process has applied.
        on_sure: called with the time, epoch seconds, up to which everything is known here.
        on_change: called once with each entry that says that views really changed.
        on_wait: called each time that a thread begins to wait for another thread's load.
        labels: the labels with which views are made here.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        invalidation_log: InvalidationLog,
        feed: InvalidationFeed,
        redis: RedisConnection | None,
        memory: MemoryTier,
        shared: Tier | None,
        on_recorded: Callable[[int], None],
        on_applied: Callable[[], None],
        on_sure: Callable[[float], None],
        on_change: Callable[[Invalidation], None],
        on_wait: Callable[[], None],
        labels: LabelDirectory,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.fence = fence = Fence()
        self.watermark = InvalidationWatermark(clock, on_sure=on_sure)
        cache = TieredCache(memory, shared, fence, self.watermark, clock, lambda: labels.version)
        self.state = ReaderState(cache, on_wait, labels.renew)
        self.publisher = InvalidationPublisher(
            invalidation_log,
            self.state,
            # Without Redis the other processes find entries in the log, within a second.
            (lambda _entries: None) if redis is None else partial(publish, redis),
            on_change,
            on_recorded,
            on_applied,
            lambda: datetime.fromtimestamp(clock(), UTC),
        )
        self._follower = LogFollower(self.publisher, feed, self.watermark)
        self._subscriber = None if redis is None else RedisSubscriber(redis, self.publisher, self.watermark)

    def start(self) -> None:
        """Begin to follow the invalidations of others. Called after the fork."""
        self._follower.start()
        if self._subscriber is not None:
            self._subscriber.start()

    def stop(self) -> None:
        """Record pending invalidations, and end. Called before the connections are closed."""
        self.publisher.close()
        if self._subscriber is not None:
            self._subscriber.stop()
        self._follower.stop()
