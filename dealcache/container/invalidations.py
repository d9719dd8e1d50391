"""Wiring of the parts that keep the caches of all processes coherent."""

from __future__ import annotations

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
from dealcache.telemetry.metrics import Metrics
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
        metrics: count the entries, and show up to when everything is known here.
        on_change: called once with each entry that says that views really changed.
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
        metrics: Metrics,
        on_change: Callable[[Invalidation], None],
        labels: LabelDirectory,
        clock: Callable[[], float],
    ) -> None:
        self.fence = fence = Fence()
        self.watermark = InvalidationWatermark(clock, on_sure=metrics.followed_until.set)
        cache = TieredCache(memory, shared, fence, self.watermark, clock, lambda: labels.version)
        self.state = ReaderState(cache, metrics.flight_waits.inc, labels.renew)
        self.publisher = InvalidationPublisher(
            invalidation_log,
            self.state,
            # Without Redis the other processes find entries in the log, within a second.
            (lambda _entries: None) if redis is None else partial(publish, redis),
            on_change,
            metrics.invalidations_recorded.inc,
            metrics.invalidations_applied.inc,
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
