"""Another machine's clock, as its answers tell it, on a host whose own clock is set back and forth."""

from __future__ import annotations

import random

import pytest

from dealcache.clock import RemoteClock
from tests.clocks import ManualClock


class World:
    """True time, a host with a wall clock of its own, and another machine."""

    def __init__(self, wrong_by: float = 0.0) -> None:
        self.true, self.timer = ManualClock(1_800_000_000.0), ManualClock(5.0)
        self.clock = RemoteClock(lambda: self.true.now + wrong_by, self.timer)

    def tick(self, seconds: float) -> None:
        self.true.tick(seconds)
        self.timer.tick(seconds)

    def ask(self, there: float = 0.0, back: float = 0.0, precision: float = 0.001) -> None:
        """A question that takes so long to get there, and its answer so long to come back."""
        sent = self.timer()
        self.tick(there)
        at = self.true.now // precision * precision
        self.tick(back)
        self.clock.synchronize(at, sent, precision)

    @property
    def error(self) -> float:
        return self.clock() - self.true.now


@pytest.mark.parametrize("wrong_by", [0.0, -30.0, 3_600.0, -86_400.0])
def test_until_it_is_known_it_is_the_hosts_own_and_then_the_others(wrong_by: float) -> None:
    world = World(wrong_by)
    assert not world.clock.is_known
    assert world.error == pytest.approx(wrong_by, abs=1e-6)
    world.ask(0.01, 0.01)
    assert world.clock.is_known
    assert abs(world.error) < 0.002
    world.tick(1_000)
    assert abs(world.error) < 0.002


def test_a_slow_answer_takes_nothing_away_from_a_good_one() -> None:
    world = World()
    world.ask(0.001, 0.001)
    good = world.error
    for there, back in ((5.0, 0.0), (0.0, 5.0), (10.0, 10.0)):
        world.ask(there, back)
        assert world.error == pytest.approx(good, abs=0.002)


@pytest.mark.parametrize("step", [-86_400.0, -120.0, -0.5, 0.5, 120.0, 86_400.0])
def test_it_follows_a_clock_that_is_set(step: float) -> None:
    world = World()
    world.ask(0.001, 0.001)
    world.true.tick(step)
    world.ask(0.001, 0.001)
    assert abs(world.error) < 0.004


def test_dates_in_whole_seconds_bring_it_ever_nearer() -> None:
    world, chance = World(-90.0), random.Random(7)
    for _ in range(200):
        world.ask(chance.random() / 10, chance.random() / 10, precision=1.0)
        assert abs(world.error) <= 0.6
        world.tick(chance.random() * 10)
    assert abs(world.error) < 0.2


def test_it_never_goes_back_while_the_other_does_not() -> None:
    world, chance, before = World(), random.Random(8), 0.0
    for number in range(300):
        world.ask(chance.random(), chance.random())
        if number > 20:
            assert world.clock() >= before
        before = world.clock()
        world.tick(0.001)
