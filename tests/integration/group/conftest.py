"""Processes of one group, each with its own memory, on one database: all in the process of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from dealcache.breaker import Breaker
from dealcache.deals import DealKey
from dealcache.figures import Columns, Figures
from dealcache.group import Colleagues, Group, Presence
from dealcache.invalidation import Invalidation
from dealcache.metrics import Metrics
from dealcache.reader import Token
from dealcache.redis_connection import RedisConnection
from dealcache.repositories import (
    Connection,
    InvalidationFeed,
    InvalidationLog,
    StatsExchange,
    WorkerRegistry,
    ensure_indexes,
)
from dealcache.tiers import CacheKey, Entry, MemoryTier, View
from dealcache.workers import this_worker
from tests.clocks import ManualClock


class Member:
    """One process of the group."""

    def __init__(self, connection: Connection, redis: RedisConnection | None) -> None:
        self.clock = ManualClock(1_800_000_000.0)
        self.memory = MemoryTier(10_000_000, self.clock)
        self.heard: list[Invalidation] = []
        self.metrics = Metrics()
        self.presence = Presence(WorkerRegistry(connection), this_worker(), self.metrics.workers_seen)
        self.colleagues = Colleagues(self.presence, StatsExchange(connection), redis, self._figures)
        self.group = Group(
            InvalidationLog(connection, connection),
            InvalidationFeed(connection),
            redis,
            self.memory,
            None,
            self.colleagues,
            self.metrics,
            heard=self.heard.append,
            on_wait=lambda: None,
            clock=self.clock,
        )
        self.journal = self.group.journal
        self.cache = self.group.state.cache

    def _figures(self) -> Figures:
        return Figures({"memory": 0}, 0, self.memory.usage(), Columns.of(self.memory.listing()))

    def keep(self, name: str = "Acme", deal_id: str = "7", token: Token | None = None) -> None:
        """Cache a view of a deal, as a load does that began with ``token``, or just now."""
        now = self.clock()
        entry = Entry(200, b"{}", '"t"', now, now + 600, now + 1_000, deal_id, name)
        self.cache.keep(key(name), entry, token or self.cache.token())

    def has(self, name: str = "Acme") -> bool:
        return self.cache.hit(key(name)) is not None


def key(name: str = "Acme") -> CacheKey:
    return CacheKey.of(View.INFO, DealKey("name", name))


def now() -> datetime:
    return datetime(2026, 11, 1, 12, tzinfo=UTC)


MakeMember = Callable[..., Member]


@pytest.fixture
def make_member(mongodb_uri: str, database_name: str, connection: Connection) -> Iterator[MakeMember]:
    """Makes processes of one group, on the session's MongoDB unless another one is given."""
    members: list[Member] = []
    connections: list[Connection] = []

    def make(redis: RedisConnection | None = None, uri: str = mongodb_uri) -> Member:
        own = Connection(uri, database_name, threads=8, breaker=Breaker(0.0))
        connections.append(own)
        if uri != mongodb_uri:
            ensure_indexes(own)
        members.append(Member(own, redis))
        return members[-1]

    yield make
    for member in members:
        member.group.stop()
    for one in connections:
        one.close()
