"""Redis goes, comes back, and comes back empty, while several workers make calls."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Bucket, Priority
from dealcache.hubspot.errors import RateLimited
from dealcache.redis_connection import PAUSE_SECONDS
from tests.budgets_contract import use
from tests.integration.hubspot.harness import LONG, calls_at_once

#: How long Redis is not trusted after it has come back: a period, and the time in which all others must have noticed.
UNSETTLED = 10.02 + PAUSE_SECONDS + 1.0


@pytest.fixture
def make_settled(make_worker, own_redis, clock):
    """Makes the budgets of so many workers, and lets the time pass in which Redis is not yet trusted."""

    def make(count):
        workers = [make_worker(own_redis.url, workers=count) for _ in range(count)]
        for bucket in Bucket:
            workers[0].left(bucket)
        clock.now += LONG
        hear(workers, clock)
        return workers

    return make


@pytest.fixture
def workers(make_settled):
    return make_settled(4)


@pytest.fixture
def redis_calls(own_redis, connect, clock):
    """In how many seconds the slots free that Redis knows to be occupied."""
    connection = connect(own_redis.url)

    def read():
        with connection.operation() as client:
            scores = client.zrange(connection.key("budget", Bucket.APP, "calls"), 0, -1, withscores=True)
        return [score / 1_000_000 - clock.now for _, score in scores]

    return read


def hear(workers, clock):
    """Let all workers hear how things stand."""
    clock.now += 1.0
    for worker in workers:
        worker.left(Bucket.APP)


def test_without_redis_the_workers_share_what_was_free(workers, own_redis, clock):
    for _ in range(60):
        use(workers[0], Bucket.APP, Deadline(1, clock))
    hear(workers, clock)
    own_redis.kill()
    assert [calls_at_once(worker, clock) for worker in workers] == [10, 10, 10, 10]


def test_without_redis_each_worker_has_its_part_of_each_slot_that_frees(workers, own_redis, clock):
    for _ in range(10):
        for _ in range(10):
            use(workers[0], Bucket.APP, Deadline(1, clock))
        clock.now += 0.5
    hear(workers, clock)  # six seconds after the first ten, one and a half after the last
    own_redis.kill()
    assert [calls_at_once(worker, clock) for worker in workers] == [0, 0, 0, 0]
    clock.now += 6.5  # fifty are free
    assert [calls_at_once(worker, clock) for worker in workers] == [12, 12, 12, 12]
    clock.now += 3.5
    assert [calls_at_once(worker, clock) for worker in workers] == [13, 13, 13, 13]
    clock.now += 10.02
    assert [calls_at_once(worker, clock) for worker in workers] == [25, 25, 25, 25]


def test_what_was_free_is_what_the_last_answer_said(workers, own_redis, clock):
    """Not the last one that told when slots free, which is asked for less often."""
    for _ in range(30):
        use(workers[0], Bucket.APP, Deadline(1, clock))
        clock.now += 0.001
    own_redis.kill()
    assert calls_at_once(workers[0], clock) == 70 // 4


def test_without_redis_a_sync_keeps_its_pace_within_the_share(workers, own_redis, clock):
    hear(workers, clock)
    own_redis.kill()
    starts = []
    for _ in range(200):
        with workers[0].acquire(Bucket.APP, Deadline(1000, clock), Priority.SYNC):
            starts.append(clock())
    assert starts[4] == starts[0]
    assert starts[5] > starts[4]
    assert 199 / (starts[-1] - starts[0]) == pytest.approx(2.4, rel=0.05)


def test_redis_that_comes_back_empty_is_not_trusted_before_all_can_have_told_it(workers, own_redis, clock):
    for worker in workers[:2]:
        for _ in range(30):
            use(worker, Bucket.APP, Deadline(1, clock))
    hear(workers, clock)
    own_redis.kill()
    own_redis.start()
    # A part of the 40 that were free, though Redis now knows of no call but those that it is told of.
    assert [calls_at_once(worker, clock) for worker in workers] == [10, 10, 10, 10]
    clock.now += 10.02
    assert [calls_at_once(worker, clock) for worker in workers] == [25, 25, 25, 25]
    clock.now += UNSETTLED - 10.02
    assert calls_at_once(workers[3], clock) == 0
    clock.now += 10.02
    assert calls_at_once(workers[3], clock) == 100


def test_who_had_counted_alone_makes_all_others_careful_when_he_comes_back(workers, own_redis, clock):
    own_redis.freeze()
    assert calls_at_once(workers[0], clock) == 25
    own_redis.thaw()
    clock.now += PAUSE_SECONDS
    workers[0].left(Bucket.APP)
    # Each a fourth of what is free when it hears of it.
    assert [calls_at_once(worker, clock) for worker in workers] == [0, 18, 14, 10]
    clock.now += LONG
    assert calls_at_once(workers[1], clock) == 100


def test_redis_that_comes_back_empty_is_told_what_still_counts(workers, own_redis, clock, redis_calls):
    for _ in range(30):
        use(workers[0], Bucket.APP, Deadline(1, clock))
    clock.now += 4.0
    with workers[0].acquire(Bucket.APP, Deadline(1, clock), Priority.INTERACTIVE):
        own_redis.kill()
        own_redis.start()
        hear(workers, clock)
        assert redis_calls() == pytest.approx([5.02] * 30 + [39.02])


def test_who_is_refused_when_redis_has_forgotten_leaves_nothing_there(workers, own_redis, clock, redis_calls):
    for _ in range(100):
        use(workers[0], Bucket.APP, Deadline(1, clock))
    hear(workers, clock)
    own_redis.kill()
    own_redis.start()
    assert calls_at_once(workers[1], clock) == 0
    assert redis_calls() == []


def test_long_after_redis_was_lost_each_worker_has_its_whole_share_also_when_it_comes_back(workers, own_redis, clock):
    for _ in range(100):
        use(workers[0], Bucket.APP, Deadline(1, clock))
    hear(workers, clock)
    own_redis.kill()
    hear(workers, clock)
    clock.now += LONG
    own_redis.start()
    assert [calls_at_once(worker, clock) for worker in workers] == [25, 25, 25, 25]


def test_without_redis_calls_of_others_under_way_are_taken_to_be_answered_soon(workers, own_redis, clock):
    with ExitStack() as under_way:
        for _ in range(40):
            under_way.enter_context(workers[0].acquire(Bucket.APP, Deadline(1, clock), Priority.INTERACTIVE))
        hear(workers, clock)
        own_redis.kill()
        assert calls_at_once(workers[1], clock) == 15
        clock.now += 11.1
        assert calls_at_once(workers[1], clock) == 25


def test_what_has_become_free_unheard_of_is_taken_to_have_been_taken_again(workers, own_redis, clock):
    for _ in range(100):
        use(workers[0], Bucket.APP, Deadline(1, clock))
    clock.now += 8.9
    hear(workers, clock)
    clock.now += 0.3
    own_redis.kill()
    assert calls_at_once(workers[1], clock) == 0
    clock.now += 10.3  # a period later those calls could be over, had each been answered at once
    assert calls_at_once(workers[1], clock) == 0
    clock.now += 0.6
    assert calls_at_once(workers[1], clock) == 25


def test_redis_is_told_what_began_and_ended_without_it(make_settled, own_redis, clock, redis_calls):
    """Of three calls one begins with Redis and ends without, one the other way round, and one goes on."""
    (worker,) = make_settled(1)

    def begin():
        stack = ExitStack()
        stack.enter_context(worker.acquire(Bucket.APP, Deadline(1, clock), Priority.INTERACTIVE))
        return stack

    first = begin()
    own_redis.kill()
    first.close()
    second, third = begin(), begin()
    clock.now += 2.0
    own_redis.start()
    clock.now += 1.0
    assert redis_calls() == []
    second.close()
    assert redis_calls() == pytest.approx([7.02, 10.02, 37.02])
    third.close()
    assert redis_calls() == pytest.approx([7.02, 10.02, 10.02])


def test_a_pause_without_redis_is_told_to_all_afterwards(workers, own_redis, clock):
    own_redis.kill()
    workers[0].pause(Bucket.APP, 60.0)
    assert workers[0].left(Bucket.APP) == 0
    own_redis.start()
    clock.now += PAUSE_SECONDS
    workers[0].left(Bucket.APP)
    assert workers[1].left(Bucket.APP) == 0
    clock.now += 60.0 - PAUSE_SECONDS - 0.1
    assert workers[1].left(Bucket.APP) == 0
    clock.now += 10.0
    assert workers[1].left(Bucket.APP) == 100


def test_a_start_whose_leave_never_came_does_not_keep_its_slot(workers, own_redis, clock):
    """Redis lets a call start, but its answer is too late; the caller has no time to wait for the share, and leaves."""
    for _ in range(100):
        use(workers[1], Bucket.APP, Deadline(1, clock))
    clock.now += 8.5
    hear(workers, clock)
    clock.now += 0.6  # all slots are free, but the worker alone cannot be sure before the next second
    own_redis.freeze()
    with pytest.raises(RateLimited):
        use(workers[0], Bucket.APP, Deadline(0.0, clock))
    own_redis.thaw()
    clock.now += PAUSE_SECONDS
    assert workers[1].left(Bucket.APP) == 99
    workers[0].left(Bucket.APP)
    clock.now += UNSETTLED
    assert workers[1].left(Bucket.APP) == 100


def test_a_worker_that_starts_without_redis_keeps_to_its_share(make_worker, own_redis, clock, caplog):
    caplog.set_level("INFO")
    own_redis.kill()
    worker = make_worker(own_redis.url, workers=4)
    assert calls_at_once(worker, clock) == 25
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    own_redis.start()
    clock.now += PAUSE_SECONDS
    assert worker.left(Bucket.APP) == 0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.fixture
def newcomer(make_worker, own_redis):
    """One of four workers, at a Redis that knows nothing yet."""
    return make_worker(own_redis.url, workers=4)


def test_who_waits_for_his_share_notices_that_redis_is_trusted(newcomer, clock):
    newcomer.left(Bucket.APP)
    clock.now += UNSETTLED - 0.1
    assert calls_at_once(newcomer, clock) == 25
    clock.now += 0.6
    assert calls_at_once(newcomer, clock) == 75


def test_what_was_counted_before_redis_was_lost_stays_counted(newcomer, own_redis, clock):
    assert calls_at_once(newcomer, clock) == 25
    own_redis.kill()
    clock.now += 1.0
    assert calls_at_once(newcomer, clock) == 0


def test_a_call_during_which_redis_was_lost_is_counted_once(newcomer, own_redis, clock):
    with newcomer.acquire(Bucket.APP, Deadline(1, clock), Priority.INTERACTIVE):
        own_redis.kill()
        assert calls_at_once(newcomer, clock) == 24
    clock.now += 11.1
    assert calls_at_once(newcomer, clock) == 25


def test_a_limit_stated_without_redis_counts(workers, own_redis, clock):
    own_redis.kill()
    workers[0].adopt_app_limit(190)
    clock.now += LONG
    assert workers[0].left(Bucket.APP) == 47
