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

from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.limits.shared_window import SharedWindow
from dealcache.hubspot.limits.sliding_window import Caller
from dealcache.redis_connection import PAUSE_SECONDS
from tests.integration.hubspot.harness import Connect
from tests.rate_limits_contract import assert_within
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

    window: SharedWindow
    priority: Priority
    arrivals: list[float] = field(default_factory=list)


class Storm:
    """The events, in the order of time."""

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
            wait = worker.window.try_start(self._clock.now, caller)
            if wait > 0.0:
                self.at(self._clock.now + min(wait, LOOK) + self._random.uniform(0.0, 0.003), ask)
                return
            lasts = self._random.uniform(*LASTS) * self._period
            worker.arrivals.append(self._clock.now + lasts * self._random.random())
            self.at(self._clock.now + lasts, finish)

        def finish() -> None:
            worker.window.finish(self._clock.now, caller)
            self.let_call(worker)

        self.at(self._clock.now, ask)

    def run(self, until: float) -> None:
        while self._events[0][0] < until:
            moment, _, event = heapq.heappop(self._events)
            self._clock.now = max(self._clock.now, moment)
            event()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3))])
def test_the_limit_is_overshot_around_an_outage_alone_and_by_one_period_at_most(
    own_redis: RedisServer, connect: Connect, clock: HandClock, seed: int
) -> None:
    random = Random(seed)
    limit, period = random.choice([(100, 10.0), (50, 10.0), (5, 1.0)])
    storm = Storm(clock, random, period)
    url = own_redis.url.replace("socket_timeout=1.5", "socket_timeout=0.75")  # it is waited for again and again
    workers = []
    for number in range(WORKERS):
        window = SharedWindow(connect(url), "some", limit, period * 1.002, lambda: WORKERS, clock)
        workers.append(Worker(window, Priority.SYNC if number < seed % WORKERS else Priority.INTERACTIVE))
        for _ in range(5):
            storm.let_call(workers[-1])
    began, changes = clock.now, []
    for start in (began, began + 40.0):
        gone = start + random.uniform(1.0, 15.0)
        back = gone + random.uniform(*AWAY)
        changes += [gone, back]
        lose, restore = random.choice([(own_redis.kill, own_redis.start), (own_redis.freeze, own_redis.thaw)])
        storm.at(gone, lose)
        storm.at(back, restore)
    storm.run(began + 80.0)
    arrivals = [moment for worker in workers for moment in worker.arrivals]
    assert_within(arrivals, 2 * limit, period)
    # Each worker notices a change when it asks, or a pause of its connection later.
    quiet = [now for now in arrivals if not any(at - 0.1 <= now <= at + PAUSE_SECONDS + 2 * period for at in changes)]
    assert len(quiet) > limit
    assert_within(quiet, limit, period)
    assert len(arrivals) > 0.75 * limit * (clock.now - began) / period
