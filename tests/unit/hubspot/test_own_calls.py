from __future__ import annotations

from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.own_calls import OwnCalls
from dealcache.hubspot.slots import Caller

ONE, TWO, THREE = (Caller(Priority.SYNC, number) for number in range(3))


def told(own, now):
    """What is remembered, by the number of the call."""
    everything = own.all(now)
    return [{name.rpartition(":")[2]: ago for name, ago in everything[kind]} for kind in ("answered", "under_way")]


def test_calls_are_told_with_the_time_since_their_start_or_end():
    own = OwnCalls(10.0)
    own.start(100.0, ONE)
    own.start(101.0, TWO)
    own.finish(103.0, ONE)
    assert told(own, 103.5) == [{"0": 500_000}, {"1": 2_500_000}]


def test_a_call_is_forgotten_a_period_after_its_answer_but_not_while_it_lasts():
    own = OwnCalls(10.0)
    for caller in (ONE, TWO, THREE):
        own.start(100.0, caller)
    own.finish(103.0, TWO)
    own.finish(101.0, ONE)
    assert told(own, 111.0) == [{"1": 8_000_000}, {"2": 11_000_000}]
    assert told(own, 500.0) == [{}, {"2": 400_000_000}]


def test_a_call_of_which_redis_may_be_wrong_is_over():
    own = OwnCalls(10.0)
    own.doubt(100.0, ONE)
    assert told(own, 101.0) == [{"0": 1_000_000}, {}]
    own.start(102.0, ONE)  # after all
    assert told(own, 103.0) == [{}, {"0": 1_000_000}]


def test_two_workers_calls_have_different_names():
    assert OwnCalls(1.0).id_of(ONE) != OwnCalls(1.0).id_of(ONE)
