"""Processes of one service, each with its own memory, on one database: all in the process of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from dealcache.breaker import Breaker
from dealcache.cluster import ClusterStatistics, Membership
from dealcache.cluster.statistics import Statistics
from dealcache.invalidation.follower import LogFollower
from dealcache.invalidation.publisher import InvalidationPublisher
from dealcache.invalidation.redis_channel import RedisSubscriber, publish
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Invalidation
from dealcache.model.labels import Labels
from dealcache.model.workers import this_worker
from dealcache.reader.answers import ReadTrace
from dealcache.reader.fence import Fence, Token
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.tiered_cache import TieredCache
from dealcache.redis_connection import RedisConnection
from dealcache.repositories import (
    Connection,
    InvalidationFeed,
    InvalidationLog,
    WorkerRegistry,
    ensure_indexes,
)
from dealcache.telemetry.metrics import Metrics
from dealcache.tiers import CacheKey, Entry, MemoryTier, View
from dealcache.tiers.redis import RedisTier
from tests.clocks import ManualClock


class Member:
    """One process of the service."""

    def __init__(self, connection: Connection, redis: RedisConnection | None, shared: RedisTier | None) -> None:
        self.clock = ManualClock(1_800_000_000.0)
        self.memory = MemoryTier(10_000_000, self.clock)
        self.heard: list[Invalidation] = []
        self.metrics = Metrics()
        registry = WorkerRegistry(connection)
        self.membership = Membership(registry, this_worker(), self.metrics.workers.set)
        self.watermark = InvalidationWatermark(self.clock, on_sure=self.metrics.followed_until.set)
        self.cache = TieredCache(self.memory, shared, Fence(), self.watermark, LabelDirectory(Labels), self.clock)
        self.publisher = InvalidationPublisher(
            InvalidationLog(connection, connection),
            self.cache,
            (lambda _entries: None) if redis is None else partial(publish, redis),
            self.heard.append,
            self.metrics.invalidations_recorded.inc,
            self.metrics.invalidations_applied.inc,
            lambda: datetime.fromtimestamp(self.clock(), UTC),
        )
        self.follower = LogFollower(self.publisher, InvalidationFeed(connection), self.watermark)
        self.subscriber = None if redis is None else RedisSubscriber(redis, self.publisher, self.watermark)
        self.statistics = ClusterStatistics(
            registry, self.membership, self.own_statistics, self.cache.fence.moved_since
        )

    def follow(self) -> None:
        """Begin to follow the invalidations of others."""
        self.follower.start()
        if self.subscriber is not None:
            self.subscriber.thread.start()

    def start(self) -> None:
        """Begin to give signs of life and to publish statistics."""
        self.membership.start(self.statistics.publish)

    def own_statistics(self) -> Statistics:
        generation = self.publisher.applied
        return Statistics({"memory": 0}, 0, self.memory.usage(), generation, self.memory.columns())

    def keep(self, name: str = "Acme", deal_id: str = "7", token: Token | None = None) -> None:
        """Cache a view of a deal, as a load does that began with ``token``, or just now."""
        now = self.clock()
        entry = Entry(200, b"{}", '"t"', now, now + 600, now + 1_000, deal_id, name)
        self.cache.keep(key(name), entry, token or self.cache.fence.token())

    def looks_up(self, name: str = "Acme") -> bool:
        """Return True if one of the cache tiers has a fresh value."""
        return key(name) in self.cache.lookup([key(name)], ReadTrace())

    def has(self, name: str = "Acme") -> bool:
        return self.cache.hit(key(name)) is not None


def key(name: str = "Acme") -> CacheKey:
    return CacheKey.of(View.INFO, DealKey("name", name))


def now() -> datetime:
    return datetime(2026, 11, 1, 12, tzinfo=UTC)


MakeMember = Callable[..., Member]


@pytest.fixture
def make_member(mongodb_uri: str, database_name: str, connection: Connection) -> Iterator[MakeMember]:
    """Makes processes of one service, on the session's MongoDB unless another one is given."""
    members: list[Member] = []
    connections: list[Connection] = []

    def make(redis: RedisConnection | None = None, uri: str = mongodb_uri, shared: RedisTier | None = None) -> Member:
        own = Connection(uri, database_name, threads=8, breaker=Breaker(0.0))
        connections.append(own)
        if uri != mongodb_uri:
            ensure_indexes(own)
        members.append(Member(own, redis, shared))
        return members[-1]

    yield make
    for member in members:
        member.publisher.close()
        if member.subscriber is not None:
            member.subscriber.thread.stop()
        member.follower.stop()
        member.membership.stop()
    for one in connections:
        one.close()
