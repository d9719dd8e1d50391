"""Redis goes, comes back, and comes back empty, while several workers make calls."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import adopt_app_limit
from dealcache.model.deadline import Deadline
from dealcache.redis_connection import PAUSE_SECONDS
from tests.integration.hubspot.harness import LONG, calls_at_once
from tests.rate_limits_contract import use


@pytest.fixture
def make_workers(make_worker, own_redis):
    return lambda count: [make_worker(own_redis.url, workers=count) for _ in range(count)]


@pytest.fixture
def workers(make_workers):
    return make_workers(4)


@pytest.fixture
def redis_calls(own_redis, connect, clock):
    """In how many seconds the slots free that Redis knows to be occupied."""
    connection = connect(own_redis.url)

    def read():
        with connection.operation() as client:
            scores = client.zrange(connection.key("budget", Bucket.APP, "calls"), 0, -1, withscores=True)
        return [score / 1_000_000 - clock.now for _, score in scores]

    return read


def test_without_redis_each_worker_keeps_to_its_share(workers, own_redis, clock):
    own_redis.kill()
    assert [calls_at_once(worker, clock) for worker in workers] == [25, 25, 25, 25]
    assert [calls_at_once(worker, clock) for worker in workers] == [0, 0, 0, 0]
    clock.now += 10.02
    assert [calls_at_once(worker, clock) for worker in workers] == [25, 25, 25, 25]


def test_what_a_worker_has_used_counts_unless_the_account_has_its_part_left(workers, own_redis, clock):
    for worker, calls in zip(workers, (40, 10, 20, 2), strict=True):
        for _ in range(calls):
            use(worker, Bucket.APP, Deadline(1, clock))
    clock.now += 1.0
    assert [worker[Bucket.APP].left() for worker in workers] == [28, 28, 28, 28]
    own_redis.kill()
    # 28 of 100 are left, a quarter of them for each.
    assert [calls_at_once(worker, clock) for worker in workers] == [7, 15, 7, 23]


def test_the_part_is_not_given_twice_in_a_period_however_often_redis_goes(workers, own_redis, clock):
    for _ in range(40):
        use(workers[0], Bucket.APP, Deadline(1, clock))
    own_redis.freeze()
    assert calls_at_once(workers[0], clock) == 15
    own_redis.thaw()
    clock.now += PAUSE_SECONDS
    assert workers[0][Bucket.APP].left() == 45
    own_redis.freeze()
    assert calls_at_once(workers[0], clock) == 0


def test_without_redis_a_sync_keeps_its_pace_within_the_share(workers, own_redis, clock):
    own_redis.kill()
    starts = []
    for _ in range(200):
        with workers[0][Bucket.APP].acquire(Deadline(1000, clock), Priority.SYNC):
            starts.append(clock())
    assert starts[19] == starts[0]
    assert starts[20] > starts[19]
    assert 199 / (starts[-1] - starts[0]) == pytest.approx(2.4, rel=0.05)


def test_the_limit_is_that_of_all_workers_as_soon_as_redis_is_back(workers, own_redis, clock):
    own_redis.kill()
    assert calls_at_once(workers[0], clock) == 25
    own_redis.start()
    clock.now += LONG
    assert calls_at_once(workers[0], clock) == 100
    assert calls_at_once(workers[1], clock) == 0


def test_redis_is_told_what_ended_without_it(make_workers, own_redis, clock, redis_calls):
    """Of three calls one begins with Redis and ends without, one the other way round, and one does both without."""
    (worker,) = make_workers(1)

    def begin():
        stack = ExitStack()
        stack.enter_context(worker[Bucket.APP].acquire(Deadline(1, clock), Priority.INTERACTIVE))
        return stack

    first = begin()
    own_redis.freeze()
    first.close()
    second, third = begin(), begin()
    second.close()
    clock.now += PAUSE_SECONDS
    own_redis.thaw()
    third.close()
    since = 10.02 - PAUSE_SECONDS
    assert redis_calls() == pytest.approx([since, since, 10.02])


def test_a_pause_without_redis_is_told_to_all_afterwards(workers, own_redis, clock):
    own_redis.kill()
    workers[0][Bucket.APP].pause(60.0)
    assert workers[0][Bucket.APP].left() == 0
    own_redis.start()
    clock.now += PAUSE_SECONDS
    workers[0][Bucket.APP].left()
    assert workers[1][Bucket.APP].left() == 0
    clock.now += 60.0 - PAUSE_SECONDS - 0.1
    assert workers[1][Bucket.APP].left() == 0
    clock.now += 10.0
    assert workers[1][Bucket.APP].left() == 100


def test_a_start_whose_leave_never_came_does_not_keep_its_slot(make_workers, own_redis, clock):
    """Redis may have let a call start whose caller has no time to wait for this worker's share, and leaves."""
    workers = make_workers(2)
    with ExitStack() as under_way:
        for _ in range(50):
            under_way.enter_context(workers[0][Bucket.APP].acquire(Deadline(1, clock), Priority.INTERACTIVE))
        own_redis.freeze()
        with pytest.raises(RateLimited):
            use(workers[0], Bucket.APP, Deadline(0.0, clock))
        own_redis.thaw()
        clock.now += PAUSE_SECONDS
        assert workers[0][Bucket.APP].left() == 50


def test_a_worker_that_starts_without_redis_keeps_to_its_share(make_worker, own_redis, clock, caplog):
    caplog.set_level("INFO")
    own_redis.kill()
    worker = make_worker(own_redis.url, workers=4)
    assert calls_at_once(worker, clock) == 25
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    own_redis.start()
    clock.now += PAUSE_SECONDS
    # Redis has been told of these calls.
    assert worker[Bucket.APP].left() == 75
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_redis_that_comes_back_empty_learns_the_limit_again(workers, own_redis, clock):
    adopt_app_limit(workers[0], 190)
    assert workers[1][Bucket.APP].left() == 190
    own_redis.kill()
    own_redis.start()
    clock.now += PAUSE_SECONDS
    assert workers[1][Bucket.APP].left() == 190


def test_a_limit_stated_without_redis_counts(workers, own_redis, clock):
    own_redis.kill()
    adopt_app_limit(workers[0], 190)
    clock.now += LONG
    assert workers[0][Bucket.APP].left() == 47
