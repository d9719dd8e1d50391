from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Bucket, Budget, LocalBudgets, Priority, associations_limit
from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.window import RollingWindow
from tests.unit.hubspot.clocks import HandClock


@pytest.fixture
def clock():
    return HandClock()


def use(budgets, bucket, deadline, priority=Priority.INTERACTIVE):
    with budgets.acquire(bucket, deadline, priority):
        pass


@pytest.mark.parametrize(
    ("bucket", "limit", "period"),
    [(Bucket.SEARCH, 5, 1.0), (Bucket.APP, 100, 10.0), (Bucket.ASSOCIATIONS, 100, 10.0)],
)
def test_a_hundred_threads_together_keep_to_the_limit(clock, bucket, limit, period):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    deadline = Deadline(10_000, clock)
    lock, starts = threading.Lock(), []
    ready = threading.Barrier(100)

    def call():
        ready.wait()
        for _ in range(3):
            with budgets.acquire(bucket, deadline, Priority.INTERACTIVE), lock:
                starts.append(clock())

    with ThreadPoolExecutor(100) as pool:
        for future in [pool.submit(call) for _ in range(100)]:
            future.result()
    assert len(starts) == 300
    starts.sort()
    for first, over in zip(starts, starts[limit:], strict=False):
        assert over - first >= period


def test_who_cannot_be_served_in_time_is_told_so_at_once(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    for _ in range(5):
        use(budgets, Bucket.SEARCH, Deadline(1, clock))
    before = clock()
    with pytest.raises(RateLimited) as caught:
        use(budgets, Bucket.SEARCH, Deadline(0.5, clock))
    assert clock() == before
    assert caught.value.retry_after == pytest.approx(1.002)
    use(budgets, Bucket.SEARCH, Deadline(2, clock))
    assert clock() - before == pytest.approx(1.002)


def test_who_gave_up_leaves_no_place_taken(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    budgets.pause(Bucket.SEARCH, 5.0)
    with pytest.raises(RateLimited):
        use(budgets, Bucket.SEARCH, Deadline(1, clock))
    clock.now += 5.0
    assert budgets.left(Bucket.SEARCH) == 5


def test_a_call_that_fails_uses_up_its_slot_too(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    with pytest.raises(KeyError), budgets.acquire(Bucket.SEARCH, Deadline(1, clock), Priority.INTERACTIVE):
        raise KeyError
    assert budgets.left(Bucket.SEARCH) == 4
    clock.now += 1.002
    assert budgets.left(Bucket.SEARCH) == 5


def test_interactive_callers_go_before_sync_callers_and_each_in_order(clock):
    changed = clock.patient_condition()
    budget = Budget(RollingWindow(1, 1.0), clock, lambda: changed)
    served, served_one = [], threading.Semaphore(0)

    def call(name, priority):
        with budget.acquire(Deadline(1000, clock), priority):
            served.append(name)
        served_one.release()

    with budget.acquire(Deadline(1, clock), Priority.INTERACTIVE):
        pass
    threads = []
    for name, priority in [
        ("sync 1", Priority.SYNC),
        ("sync 2", Priority.SYNC),
        ("reader 1", Priority.INTERACTIVE),
        ("reader 2", Priority.INTERACTIVE),
    ]:
        threads.append(threading.Thread(target=call, args=(name, priority)))
        threads[-1].start()
        changed.waiting.acquire()
    for _ in threads:
        changed.tick(1.0)
        assert served_one.acquire(timeout=10)
    for thread in threads:
        thread.join()
    assert served == ["reader 1", "reader 2", "sync 1", "sync 2"]


def test_a_refusal_pauses_its_bucket_alone(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    budgets.pause(Bucket.SEARCH, 3.0)
    assert [budgets.left(bucket) for bucket in Bucket] == [0, 100, 100]
    before = clock()
    use(budgets, Bucket.APP, Deadline(9, clock))
    assert clock() == before
    use(budgets, Bucket.SEARCH, Deadline(9, clock))
    assert clock() - before == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("stated", "app", "associations"),
    [(100, 100, 100), (110, 110, 100), (190, 190, 150), (250, 250, 200), (0, 100, 100), (999_999, 100, 100)],
)
def test_the_limits_follow_what_hubspot_states(clock, stated, app, associations):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    budgets.adopt_app_limit(stated)
    assert budgets.left(Bucket.APP) == app
    assert budgets.left(Bucket.ASSOCIATIONS) == associations
    assert budgets.left(Bucket.SEARCH) == 5


def test_a_lower_limit_is_adopted_too(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    budgets.adopt_app_limit(250)
    budgets.adopt_app_limit(100)
    assert (budgets.left(Bucket.APP), budgets.left(Bucket.ASSOCIATIONS)) == (100, 100)


def test_a_waiting_caller_starts_as_soon_as_the_limit_rises(clock):
    changed = clock.patient_condition()
    budgets = LocalBudgets(clock, lambda: changed)
    for _ in range(100):
        use(budgets, Bucket.APP, Deadline(1, clock))
    waiter = threading.Thread(target=use, args=(budgets, Bucket.APP, Deadline(100, clock)))
    waiter.start()
    changed.waiting.acquire()
    budgets.adopt_app_limit(190)
    waiter.join(10)
    assert not waiter.is_alive()


def test_associations_limit_of_a_tier():
    assert [associations_limit(limit) for limit in (100, 149, 150, 190, 249, 250)] == [100, 100, 150, 150, 150, 200]


def test_what_is_read_for_all_waits_for_no_sync_and_counts_as_no_reader():
    now = [0.0]
    window = RollingWindow(100, 10.0)
    budget = Budget(window, lambda: now[0])
    for _ in range(99):
        window.start()
    assert budget._share.wait(0.0, ahead=0) > 0  # nothing is left to a sync
    with budget.acquire(Deadline(1.0, lambda: now[0]), Priority.SHARED):
        pass
    for _ in range(99):
        window.finish(0.0)
    now[0] = 20.0
    # Had that been a reader, a fifth would be kept free for the next ones.
    assert budget._share._slots(now[0]) == 98
