"""The breaker, with a clock that the test ticks by hand."""

from __future__ import annotations

import pytest

from dealcache.breaker import Breaker, BreakerOpenError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(pause=2.0, clock=clock)


def test_lets_everything_through_at_first(breaker: Breaker) -> None:
    breaker.admit()
    breaker.admit()


def test_refuses_at_once_after_a_failure_until_the_pause_is_over(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 1.999
    with pytest.raises(BreakerOpenError):
        breaker.admit()
    clock.now += 0.001
    breaker.admit()


def test_only_one_probe_goes_through(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 2
    breaker.admit()
    with pytest.raises(BreakerOpenError):
        breaker.admit()


def test_a_probe_that_succeeds_lets_everything_through(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 2
    breaker.admit()
    breaker.succeeded()
    breaker.admit()
    breaker.admit()


def test_a_probe_that_fails_begins_a_new_pause(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 2
    breaker.admit()
    clock.now += 1
    breaker.failed()
    clock.now += 1.5
    with pytest.raises(BreakerOpenError):
        breaker.admit()


def test_a_probe_that_never_comes_back_does_not_block_the_next(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 2
    breaker.admit()
    clock.now += 2
    breaker.admit()
