"""Turns of the one who waits: when it rings, after a while, and until it is silenced."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dealcache.group.bell import Bell
from dealcache.redis_errors import RedisUnavailable
from tests.clocks import ManualClock

LOOK = 0.25


class Silence:
    """In place of the event that ends the waiting: lets the clock go on, and is set after so many seconds."""

    def __init__(self, clock: ManualClock, end: float) -> None:
        self._clock = clock
        self._end = end

    def is_set(self) -> bool:
        return self._clock() >= self._end

    def wait(self, seconds: float) -> None:
        self._clock.tick(seconds)


class Redis:
    """Brings messages at the moments that the test names; it is down in those intervals that the test names."""

    def __init__(self, clock: ManualClock, rings: list[float], down: list[tuple[float, float]]) -> None:
        self._clock = clock
        self._rings = rings
        self._down = down
        self.subscribed: list[float] = []

    def _check(self) -> None:
        if any(begin <= self._clock() < end for begin, end in self._down):
            raise RedisUnavailable("down")

    @contextmanager
    def subscription(self, channel: str) -> Iterator[Redis]:
        assert channel == "questions"
        self.subscribed.append(self._clock())
        self._check()
        yield self

    def until_answer(self) -> Iterator[bytes]:
        self._check()
        while self._rings and self._rings[0] <= self._clock():
            self._rings.pop(0)
            yield b""

    def messages(self, seconds: float) -> Iterator[bytes]:
        end = self._clock() + seconds
        while self._rings and self._rings[0] <= end:
            self._clock.now = self._rings.pop(0)
            yield b""
        self._clock.now = end


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100.0)


def turns(bell: Bell, clock: ManualClock, end: float) -> list[float]:
    """When the turns came, until it was silenced."""
    bell._silenced = Silence(clock, end)
    return [clock() for _ in bell.turns(LOOK)]


def test_without_redis_turns_come_at_regular_times(clock):
    assert turns(Bell(None, clock), clock, 101.0) == [100.0, 100.25, 100.5, 100.75]


def test_a_ring_is_a_turn_at_once(clock):
    redis = Redis(clock, [100.1, 100.6], [])
    assert turns(Bell(redis, clock), clock, 100.9) == pytest.approx([100.0, 100.1, 100.35, 100.6, 100.85])
    assert redis.subscribed == [100.0]


def test_what_rang_meanwhile_is_one_turn(clock):
    redis = Redis(clock, [100.05, 100.1, 100.15], [])
    bell = Bell(redis, clock)
    bell._silenced = Silence(clock, 101.0)
    moments = []
    for _ in bell.turns(LOOK):
        moments.append(clock())
        if len(moments) == 1:
            clock.tick(0.2)  # the first turn takes a while
    assert moments[:3] == pytest.approx([100.0, 100.2, 100.45])


def test_while_redis_is_away_turns_come_at_regular_times_and_it_is_tried_again_every_few_seconds(clock):
    redis = Redis(clock, [107.1], [(101.0, 105.0)])
    moments = turns(Bell(redis, clock), clock, 108.0)
    assert redis.subscribed == [100.0, 104.0, 107.0]
    assert max(after - before for before, after in itertools.pairwise(moments)) <= LOOK
    assert 107.1 in moments


def test_a_failure_of_our_own_is_logged_and_ends_nothing(clock, caplog):
    redis = Redis(clock, [], [])

    def fail() -> Iterator[bytes]:
        raise RuntimeError("a fault")

    redis.until_answer = fail
    assert len(turns(Bell(redis, clock), clock, 101.0)) == 5
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_ringing_without_redis_does_nothing():
    Bell(None).ring()
