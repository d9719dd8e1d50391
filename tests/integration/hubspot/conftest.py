"""RateLimits that several workers share through a real Redis, all on a clock that is ticked by hand."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import pytest

from dealcache.breaker import Breaker
from dealcache.hubspot.limits.rate_limiter import RateLimiter, RateLimits
from dealcache.hubspot.limits.shared_window import SharedWindow, shared_rate_limits
from dealcache.redis_connection import PAUSE_SECONDS, RedisConnection
from tests.integration.hubspot.harness import Connect, MakeBucket, MakeWorker
from tests.unit.hubspot.clocks import HandClock


@pytest.fixture
def clock() -> HandClock:
    """Everybody's clock, also that of Redis."""
    return HandClock()


@pytest.fixture
def connect(clock: HandClock) -> Iterator[Connect]:
    made: list[RedisConnection] = []
    namespace = uuid.uuid4().hex

    def make(url: str) -> RedisConnection:
        made.append(RedisConnection(url, namespace, threads=3, breaker=Breaker(PAUSE_SECONDS, clock)))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def make_worker(connect: Connect, redis_url: str, clock: HandClock) -> MakeWorker:
    def make(url: str = redis_url, workers: int = 1, **options: object) -> RateLimits:
        options = {"clock": clock, "condition": clock.jumping_condition, "now": clock} | options
        return shared_rate_limits(connect(url), lambda: workers, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_bucket(connect: Connect, clock: HandClock) -> MakeBucket:
    def make(
        url: str, limit: int, period: float, condition: Callable[[], threading.Condition], workers: int = 1
    ) -> RateLimiter:
        window = SharedWindow(connect(url), "some", limit, period, lambda: workers, clock)
        return RateLimiter(window, clock, condition)

    return make
