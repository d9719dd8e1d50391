"""Budgets that several workers share through a real Redis, all on a clock that is ticked by hand."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import pytest

from dealcache.breaker import Breaker
from dealcache.hubspot.budget_script import BudgetScript
from dealcache.hubspot.shared_budgets import SharedBudgets
from dealcache.hubspot.shared_slots import SharedSlots
from dealcache.hubspot.turnstile import Turnstile
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
    def make(url: str = redis_url, workers: int = 1, **options: object) -> SharedBudgets:
        options = {"clock": clock, "condition": clock.jumping_condition, "now": clock} | options
        return SharedBudgets(connect(url), lambda: workers, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_bucket(connect: Connect, clock: HandClock) -> MakeBucket:
    def make(
        url: str, limit: int, period: float, condition: Callable[[], threading.Condition], workers: int = 1
    ) -> Turnstile:
        script = BudgetScript(connect(url), "some", period, clock)
        return Turnstile(SharedSlots(script, "some", limit, period, lambda: workers), clock, condition)

    return make
