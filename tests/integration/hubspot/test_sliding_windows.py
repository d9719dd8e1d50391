"""The script in Redis decides as the window in memory does, whatever happens."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.limits.shared_window import SharedWindow
from dealcache.hubspot.limits.sliding_window import Caller, SlidingWindow
from tests.unit.hubspot.clocks import HandClock

PERIOD = 10.02

calls = st.tuples(st.just("call"), st.sampled_from(Priority), st.floats(0.0, 5.0))
STEPS = st.lists(
    st.one_of(
        calls,
        calls,
        st.tuples(st.just("pass"), st.floats(0.001, 4.0)),
        st.tuples(st.just("pause"), st.floats(0.1, 5.0)),
        st.tuples(st.just("limit"), st.integers(1, 60)),
        st.tuples(st.just("look"), st.sampled_from(Priority), st.integers(1, 70)),
    ),
    max_size=60,
)


class Both:
    """The windows in memory and in Redis, on one clock; what is done to one is done to the other."""

    def __init__(self, shared: SharedWindow, local: SlidingWindow, clock: HandClock) -> None:
        self._windows = (shared, local)
        self._clock = clock
        self._numbers = itertools.count()
        self._under_way: list[tuple[float, Caller]] = []

    def go_on(self, seconds: float) -> None:
        """Let time pass, and the calls end that end meanwhile."""
        until = self._clock.now + seconds
        for ends_at, caller in sorted(self._under_way):
            if ends_at <= until:
                self._clock.now = max(self._clock.now, ends_at)
                self._under_way.remove((ends_at, caller))
                for window in self._windows:
                    window.finish(self._clock.now, caller)
        self._clock.now = until

    def call(self, priority: Priority, lasts: float) -> None:
        """Start a call as soon as both let it, and compare how long they let it wait."""
        caller = Caller(priority, next(self._numbers))
        while True:
            in_redis, in_memory = (window.try_start(self._clock.now, caller) for window in self._windows)
            # What is kept in whole microseconds may start one later.
            assert in_redis == pytest.approx(in_memory, abs=3e-6)
            if in_redis <= 0.0 and in_memory <= 0.0:
                break
            assert min(in_redis, in_memory) > 0.0, "one has let the call start and the other has not"
            self.go_on(max(in_redis, in_memory) + 5e-6)
        self._under_way.append((self._clock.now + lasts, caller))

    def compare(self, priority: Priority, ahead: int) -> None:
        """Compare how long one would wait behind others."""
        caller = Caller(priority, next(self._numbers))
        in_redis, in_memory = (window.wait(self._clock.now, caller, ahead) for window in self._windows)
        assert in_redis == pytest.approx(in_memory, abs=3e-6)
        self.go_on(2.0)  # until nobody counts as waiting any more

    def tell(self, what: str, value: float) -> None:
        for window in self._windows:
            if what == "pause":
                window.pause(self._clock.now, value)
            else:
                window.set_limit(self._clock.now, int(value))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(steps=STEPS)
def test_redis_and_memory_decide_alike(redis_url, connect, steps):
    clock = HandClock()
    both = make_both(connect(redis_url), clock)
    for what, *arguments in steps:
        if what == "call":
            both.call(*arguments)
        elif what == "pass":
            both.go_on(*arguments)
        elif what == "look":
            both.compare(*arguments)
        else:
            both.tell(what, *arguments)


_buckets = itertools.count()


def make_both(connection, clock):
    """A bucket of its own."""
    shared = SharedWindow(connection, f"some-{next(_buckets)}", 20, PERIOD, lambda: 1, clock)
    return Both(shared, SlidingWindow(20, PERIOD), clock)
