"""Four workers make calls as fast as they may, while Redis is killed, frozen and started again at random moments.

All on one clock that goes from event to event: what is real is Redis, and what it is told.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from dealcache.hubspot.budget_script import BudgetScript
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.shared_slots import SharedSlots
from dealcache.hubspot.slots import Caller
from tests.budgets_contract import assert_within
from tests.integration.hubspot.harness import Connect
from tests.redis_server import RedisServer
from tests.unit.hubspot.clocks import HandClock

WORKERS = 4
#: How often a worker that waits asks again, in seconds, at the latest.
LOOK = 0.5
#: How long a call takes, in periods, and how long Redis is away, in seconds: long enough for all to notice.
LASTS = (0.002, 0.05)
AWAY = (0.6, 6.0)


@dataclass
class Worker:
    """One worker with so many calls at a time, each of which follows upon the last.

    Attributes:
        arrivals: when its calls reached HubSpot, each some time between its start and its answer.
    """

    slots: SharedSlots
    priority: Priority
    arrivals: list[float] = field(default_factory=list)


class Storm:
    """What happens, in the order of time."""

    def __init__(self, clock: HandClock, random: Random, period: float) -> None:
        self._clock = clock
        self._random = random
        self._period = period
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), event))

    def let_call(self, worker: Worker) -> None:
        """Let the worker make a call as soon as it may, and then another, for ever."""
        caller = Caller(worker.priority, next(self._numbers))

        def ask() -> None:
            wait = worker.slots.take(self._clock.now, caller)
            if wait > 0.0:
                self.at(self._clock.now + min(wait, LOOK) + self._random.uniform(0.0, 0.003), ask)
                return
            lasts = self._random.uniform(*LASTS) * self._period
            worker.arrivals.append(self._clock.now + lasts * self._random.random())
            self.at(self._clock.now + lasts, finish)

        def finish() -> None:
            worker.slots.finish(self._clock.now, caller)
            self.let_call(worker)

        self.at(self._clock.now, ask)

    def run(self, until: float) -> None:
        while self._events[0][0] < until:
            moment, _, event = heapq.heappop(self._events)
            self._clock.now = max(self._clock.now, moment)
            event()


@pytest.mark.parametrize("seed", range(4))
def test_hubspot_never_sees_more_than_the_limit(
    own_redis: RedisServer, connect: Connect, clock: HandClock, seed: int
) -> None:
    random = Random(seed)
    limit, period = random.choice([(100, 10.0), (50, 10.0), (5, 1.0)])
    storm = Storm(clock, random, period)
    workers = []
    for number in range(WORKERS):
        script = BudgetScript(connect(own_redis.url), "some", period * 1.002, clock)
        slots = SharedSlots(script, "some", limit, period * 1.002, lambda: WORKERS)
        workers.append(Worker(slots, Priority.SYNC if number < seed % WORKERS else Priority.INTERACTIVE))
        for _ in range(5):
            storm.let_call(workers[-1])
    began = clock.now
    # The first outage comes while Redis is new or has just become trusted, the other one later.
    for start in (began, began + 40.0):
        gone = start + random.uniform(1.0, 20.0)
        if random.random() < 0.7:
            storm.at(gone, own_redis.kill)
            storm.at(gone + random.uniform(*AWAY), own_redis.start)
        else:
            storm.at(gone, own_redis.freeze)
            storm.at(gone + random.uniform(*AWAY), own_redis.thaw)
    storm.run(began + 80.0)
    arrivals = [moment for worker in workers for moment in worker.arrivals]
    assert_within(arrivals, limit, period)
    assert len(arrivals) > 0.75 * limit * (clock.now - began) / period
