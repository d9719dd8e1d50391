"""Limits, queues, pauses and HubSpot's own figures are shared by several workers through a real Redis."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import adopt_app_limit
from dealcache.hubspot.limits.shared_window import shared_rate_limits
from dealcache.model.deadline import Deadline
from tests.rate_limits_contract import assert_within, least_left_during_sync, use


@pytest.fixture
def make_workers(make_worker):
    """Makes the rate limits of so many workers."""

    def make(count, **options):
        return [make_worker(workers=count, **options) for _ in range(count)]

    return make


@pytest.fixture
def workers(make_workers):
    return make_workers(2)


def test_the_limit_is_that_of_all_workers(workers, clock):
    for number in range(100):
        use(workers[number % 2], Bucket.APP, Deadline(1, clock))
    for worker in workers:
        with pytest.raises(RateLimited):
            use(worker, Bucket.APP, Deadline(1, clock))
    clock.now += 10.02
    for _ in range(100):
        use(workers[1], Bucket.APP, Deadline(1, clock))


def test_threads_of_several_workers_race_and_keep_to_the_limit(make_workers, clock):
    changed = clock.agreed_condition(24)
    workers = make_workers(3, condition=lambda: changed)
    lock, starts = threading.Lock(), []
    ready = threading.Barrier(24)

    def call(number):
        ready.wait()
        for turn in range(15):
            with workers[number % 3][Bucket.APP].acquire(Deadline(1000, clock), Priority((number + turn) % 3)), lock:
                starts.append(clock())
        changed.leave()

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(call, range(24)))
    assert len(starts) == 24 * 15
    assert_within(starts, 100, 10.0)


def test_a_sync_leaves_a_fifth_to_the_readers_of_another_worker(workers, clock):
    assert least_left_during_sync(workers[0], clock, 30.0) == 2
    use(workers[1], Bucket.APP, Deadline(1, clock))
    clock.now += 11.0
    assert least_left_during_sync(workers[0], clock, 15.0) == 20


def test_the_syncs_of_two_workers_keep_one_pace(workers, clock):
    starts = []
    for number in range(400):
        with workers[number % 2][Bucket.APP].acquire(Deadline(1000, clock), Priority.SYNC):
            starts.append(clock())
    assert starts[79] == starts[0]
    gaps = [after - before for before, after in itertools.pairwise(starts[80:])]
    assert min(gaps) >= 10.02 / 98 / 2 - 1e-5
    assert 399 / (starts[-1] - starts[0]) >= 9.7


@pytest.fixture
def make_small(make_bucket, redis_url):
    """Makes workers that share two slots, of which a sync may have one when nobody reads."""

    def make(condition):
        return make_bucket(redis_url, 2, 10.0, condition)

    return make


def test_a_sync_waits_for_the_reader_of_another_worker_who_waits(make_small, clock):
    changed = clock.patient_condition()
    reading, syncing = make_small(lambda: changed), make_small(clock.jumping_condition)
    served = threading.Event()

    def read():
        with reading.acquire(Deadline(60, clock), Priority.INTERACTIVE):
            served.set()

    for _ in range(2):
        read()
    served.clear()
    reader = threading.Thread(target=read, daemon=True)
    clock.now += 9.0
    reader.start()
    changed.waiting.acquire()
    clock.now += 1.0  # both slots are free, and the one that syncs may have is for the reader
    with pytest.raises(RateLimited), syncing.acquire(Deadline(0.1, clock), Priority.SYNC):
        pass
    changed.tick(0.0)
    assert served.wait(60)
    reader.join()
    clock.now += 10.0
    with syncing.acquire(Deadline(0.1, clock), Priority.SYNC):
        pass


@pytest.mark.parametrize("priority", [Priority.INTERACTIVE, Priority.SHARED])
def test_who_went_away_is_not_waited_for_long(make_small, clock, priority):
    reading, syncing = make_small(clock.jumping_condition), make_small(clock.jumping_condition)
    for _ in range(2):
        with reading.acquire(Deadline(1, clock), priority):
            pass
    clock.now += 9.5
    with pytest.raises(RateLimited), reading.acquire(Deadline(0.1, clock), priority):
        pass
    clock.now += 0.5
    with pytest.raises(RateLimited), syncing.acquire(Deadline(0.1, clock), Priority.SYNC):
        pass
    clock.now += 1.0
    with syncing.acquire(Deadline(0.1, clock), Priority.SYNC):
        pass


def test_who_was_served_is_not_waited_for_any_more(make_bucket, redis_url, clock):
    """Of three slots a sync may have two: one more than the reader who has just been served has taken."""
    bucket = make_bucket(redis_url, 3, 10.0, clock.jumping_condition)
    for _ in range(4):
        with bucket.acquire(Deadline(20, clock), Priority.INTERACTIVE):
            pass
    with bucket.acquire(Deadline(0.1, clock), Priority.SYNC):
        pass


def test_all_pause_when_one_was_refused(workers, clock):
    workers[0][Bucket.SEARCH].pause(3.0)
    assert workers[1][Bucket.SEARCH].left() == 0
    before = clock()
    use(workers[1], Bucket.SEARCH, Deadline(9, clock))
    assert clock() - before == pytest.approx(3.0)


def test_all_learn_the_limit_that_one_was_told(workers, clock):
    adopt_app_limit(workers[0], 190)
    assert [workers[1][bucket].left() for bucket in Bucket] == [5, 190, 150]
    adopt_app_limit(workers[1], 100)
    clock.now += 1.0
    assert [workers[0][bucket].left() for bucket in Bucket] == [5, 100, 100]


def test_a_new_worker_begins_with_what_the_others_know(workers, make_worker, clock):
    adopt_app_limit(workers[0], 190)
    for _ in range(150):
        use(workers[0], Bucket.APP, Deadline(1, clock))
    assert make_worker(workers=3)[Bucket.APP].left() == 40


def test_what_a_dead_worker_had_under_way_is_given_back(workers, clock):
    slot = workers[0][Bucket.SEARCH].acquire(Deadline(1, clock), Priority.INTERACTIVE)
    slot.__enter__()  # and its worker is never heard of again
    clock.now += 30.0
    assert workers[1][Bucket.SEARCH].left() == 4
    clock.now += 1.1
    assert workers[1][Bucket.SEARCH].left() == 5


def test_namespaces_share_nothing(workers, redis_connection, clock):
    workers[0][Bucket.APP].pause(60.0)
    other = shared_rate_limits(redis_connection, lambda: 1, clock=clock, condition=clock.jumping_condition, now=clock)
    assert other[Bucket.APP].left() == 100


@pytest.fixture
def round_trips(redis_connection):
    """Return how many round trips were made so far for rate limits."""

    def count():
        with redis_connection.operation() as client:
            return client.info("commandstats")["cmdstat_evalsha"]["calls"]

    return count


def test_a_call_costs_two_round_trips_and_what_is_left_none(workers, round_trips, clock):
    use(workers[0], Bucket.APP, Deadline(1, clock))
    before = round_trips()
    for _ in range(10):
        use(workers[0], Bucket.APP, Deadline(1, clock))
        adopt_app_limit(workers[0], 100)
        workers[0][Bucket.APP].left()
    assert round_trips() - before == 20


def test_who_waits_asks_twice_a_second(workers, round_trips, clock):
    workers[0][Bucket.APP].pause(10.0)
    before = round_trips()
    use(workers[0], Bucket.APP, Deadline(60, clock))
    assert round_trips() - before == 22


def test_who_waits_behind_others_does_not_ask_each_time_that_one_is_served(make_workers, round_trips, clock):
    changed = clock.agreed_condition(16)
    (worker,) = make_workers(1, condition=lambda: changed)
    worker[Bucket.APP].pause(0.4)
    before = round_trips()

    def call():
        use(worker, Bucket.APP, Deadline(60, clock))
        changed.leave()

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # Each when it comes, when it is the first, and when it has made its call; the very first once more, in vain.
    assert round_trips() - before <= 16 * 3 + 1


def test_the_clock_of_redis_may_be_put_back(make_worker, clock):
    """Then it forgets, rather than wait until the old time has come again."""
    redis_time = [clock.now]
    workers = [make_worker(workers=2, now=lambda: redis_time[0]) for _ in range(2)]
    for _ in range(98):
        use(workers[0], Bucket.APP, Deadline(1, clock))
        clock.now += 0.01
    assert workers[1][Bucket.APP].left() == 2
    redis_time[0] -= 600.0
    clock.now += 1.0
    assert workers[1][Bucket.APP].left() == 100


def test_a_clock_that_goes_back_a_little_stands_still_meanwhile(make_workers, clock):
    redis_time = [clock.now]
    (worker,) = make_workers(1, now=lambda: redis_time[0])
    redis_time[0] = clock.now
    use(worker, Bucket.SEARCH, Deadline(1, clock))
    redis_time[0] -= 0.5
    use(worker, Bucket.SEARCH, Deadline(1, clock))
    redis_time[0] += 1.1
    clock.now += 1.0
    assert worker[Bucket.SEARCH].left() == 3
    redis_time[0] += 0.5
    clock.now += 1.0
    assert worker[Bucket.SEARCH].left() == 5
