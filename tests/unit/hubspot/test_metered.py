from __future__ import annotations

import pytest

from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import local_rate_limits
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.clocks import HandClock


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def local(clock):
    return local_rate_limits(clock, clock.jumping_condition)


@pytest.fixture
def metered(clock, waits, local):
    return local.metered(waits.append)


def test_each_caller_s_wait_is_told_when_it_is_let_in(metered, waits, clock):
    metered.pause(Bucket.APP, 3.0)
    slot = metered.acquire(Bucket.APP, Deadline(10, clock), Priority.SYNC)
    assert waits == []
    with slot:
        assert waits == pytest.approx([3.0])
        clock.now += 7.0
    with metered.acquire(Bucket.APP, Deadline(10, clock), Priority.SYNC):
        pass
    assert waits == pytest.approx([3.0, 0.0])


def test_who_is_not_let_in_is_not_told_of(metered, waits, clock):
    metered.pause(Bucket.SEARCH, 5.0)
    with pytest.raises(RateLimited), metered.acquire(Bucket.SEARCH, Deadline(1, clock), Priority.SYNC):
        pass
    assert waits == []


def test_everything_goes_to_the_rate_limits_behind(metered, local, clock):
    metered.adopt_app_limit(190)
    metered.pause(Bucket.SEARCH, 5.0)
    assert (local.left(Bucket.APP), local.left(Bucket.SEARCH)) == (190, 0)
    with metered.acquire(Bucket.APP, Deadline(1, clock), Priority.INTERACTIVE):
        assert (metered.left(Bucket.APP), local.left(Bucket.APP)) == (189, 189)


def test_a_call_that_fails_gives_its_slot_back(metered, local, clock):
    with pytest.raises(KeyError), metered.acquire(Bucket.SEARCH, Deadline(1, clock), Priority.SYNC):
        raise KeyError
    clock.now += 1.02
    assert local.left(Bucket.SEARCH) == 5
