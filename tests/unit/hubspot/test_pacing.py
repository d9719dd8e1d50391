from __future__ import annotations

import itertools

import pytest

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Bucket, Budget, LocalBudgets, Priority
from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.pacing import SyncShare
from dealcache.hubspot.window import RollingWindow
from tests.unit.hubspot.clocks import HandClock

STEP = 10.2 / 98


@pytest.fixture
def clock():
    return HandClock()


def use(budgets, bucket, deadline, priority=Priority.INTERACTIVE):
    with budgets.acquire(bucket, deadline, priority):
        pass


def sync_starts(budgets, clock, calls, bucket=Bucket.APP, seconds=0.0):
    """The moments at which ``calls`` calls of a sync start, each answered after ``seconds``."""
    starts = []
    for _ in range(calls):
        with budgets.acquire(bucket, Deadline(1000, clock), Priority.SYNC):
            starts.append(clock())
            clock.now += seconds
    return starts


@pytest.mark.parametrize(("limit", "bucket"), [(100, Bucket.APP), (190, Bucket.APP), (190, Bucket.ASSOCIATIONS)])
def test_a_lone_sync_uses_nearly_all_that_the_limit_allows(clock, limit, bucket):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    budgets.adopt_app_limit(limit)
    limit = budgets.left(bucket)
    starts = sync_starts(budgets, clock, 20 * limit, bucket)
    steady = [start for start in starts if start >= starts[0] + 30.0]
    assert len(steady) > 10 * limit
    assert (len(steady) - 1) / (steady[-1] - steady[0]) >= 0.97 * limit / 10
    assert len(starts) / (starts[-1] - starts[0]) >= 0.97 * limit / 10
    for first, over in zip(starts, starts[limit:], strict=False):
        assert over - first > 10.0


def least_left_during_sync(budgets, clock, seconds):
    """The fewest slots of the app that a sync left free for ``seconds`` on end."""
    until, least = clock() + seconds, 100
    while clock() < until:
        use(budgets, Bucket.APP, Deadline(1000, clock), Priority.SYNC)
        least = min(least, budgets.left(Bucket.APP))
    return least


def test_sync_leaves_a_fiftieth_of_the_budget_when_nobody_reads(clock):
    assert least_left_during_sync(LocalBudgets(clock, clock.jumping_condition), clock, 60.0) == 2


def test_sync_leaves_a_fifth_of_the_budget_for_three_periods_after_a_reader(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    use(budgets, Bucket.APP, Deadline(1, clock))
    assert least_left_during_sync(budgets, clock, 30.0) == 20
    assert least_left_during_sync(budgets, clock, 30.0) == 2
    use(budgets, Bucket.APP, Deadline(1, clock))
    clock.now += 12.0
    assert least_left_during_sync(budgets, clock, 15.0) == 20


def test_readers_of_one_bucket_do_not_slow_a_sync_in_another(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    use(budgets, Bucket.ASSOCIATIONS, Deadline(1, clock))
    starts = sync_starts(budgets, clock, 500)
    assert len(starts) / (starts[-1] - starts[0]) >= 9.7


@pytest.mark.parametrize(("limit", "small"), [(100, 20), (190, 38)])
def test_a_small_sync_is_not_slowed(clock, limit, small):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    budgets.adopt_app_limit(limit)
    starts = sync_starts(budgets, clock, small + 1)
    assert starts[small - 1] == starts[0]
    assert starts[small] > starts[0]


@pytest.mark.parametrize("bucket", Bucket)
@pytest.mark.parametrize("latency", [0.0, 0.15])
def test_a_reader_in_the_middle_of_a_sync_never_waits_long(clock, bucket, latency):
    """At any moment of a sync, also of its first period, five calls of a reader who comes by surprise start soon."""
    for before in range(1, 250, 7):
        budgets = LocalBudgets(clock, clock.jumping_condition)
        sync_starts(budgets, clock, before, bucket, latency)
        asked_at = clock()
        calls = 5 if bucket is not Bucket.SEARCH else 1
        for _ in range(calls):
            use(budgets, bucket, Deadline(20, clock))
        assert clock() - asked_at <= 0.5
        clock.now += 100.0


def test_many_calls_of_a_reader_get_the_slots_of_the_sync_one_by_one(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    sync_starts(budgets, clock, 500)
    asked_at = clock()
    for _ in range(25):
        use(budgets, Bucket.APP, Deadline(20, clock))
    assert clock() - asked_at <= 2.5


def test_a_waiting_sync_notices_soon_that_it_is_cancelled(clock):
    budgets = LocalBudgets(clock, clock.jumping_condition)
    cancelled_at = clock() + 3.2

    class Cancelled(Deadline):
        def remaining(self):
            return 0.0 if clock() >= cancelled_at else 1000.0

    budgets.pause(Bucket.APP, 60.0)
    with pytest.raises(RateLimited):
        use(budgets, Bucket.APP, Cancelled(1000, clock), Priority.SYNC)
    assert clock() <= cancelled_at + 0.5


def test_a_limit_of_one_still_lets_a_sync_through(clock):
    budget = Budget(RollingWindow(1, 1.0), clock, clock.jumping_condition)
    for _ in range(3):
        with budget.acquire(Deadline(10, clock), Priority.SYNC):
            pass
    assert clock() == pytest.approx(1002.0)


def paced_starts(late_by, calls=600):
    """When calls start whose thread wakes later than it should."""
    window, now, starts = RollingWindow(100, 10.2), 0.0, []
    share = SyncShare(window)
    for late in itertools.islice(itertools.cycle(late_by), calls):
        while (wait := share.wait(now, ahead=0)) > 0.0:
            now += wait + late
        window.start()
        share.note_start(now)
        window.finish(now)
        starts.append(now)
    return starts


def test_a_sync_s_calls_start_one_by_one():
    starts = paced_starts([0.0])
    assert starts[19] == starts[0]
    assert starts[20] - starts[19] == pytest.approx(20 * STEP, abs=STEP)
    gaps = [after - before for before, after in itertools.pairwise(starts[20:])]
    assert min(gaps) >= STEP / 2 - 1e-5
    assert max(gaps) <= STEP * 1.5
    # A slot that frees a little late is made up for once in a period.
    assert sum(gap < STEP - 1e-5 for gap in gaps) <= 600 / 98


def test_a_thread_that_wakes_late_does_not_lower_the_rate():
    starts = paced_starts([0.04, 0.01, 0.03, 0.0, 0.045])
    gaps = [after - before for before, after in itertools.pairwise(starts[20:])]
    assert min(gaps) >= STEP / 2 - 1e-5
    assert len(starts) / (starts[-1] - starts[0]) >= 9.5


def test_time_that_was_not_used_is_not_made_up_for():
    window = RollingWindow(100, 10.2)
    share = SyncShare(window)
    for _ in range(50):
        window.start()
        share.note_start(0.0)
    assert share.wait(7.0, ahead=0) == 0.0
    share.note_start(7.0)
    assert share.wait(7.0, ahead=0) == pytest.approx(STEP / 2)


def test_each_call_ahead_costs_a_step():
    window = RollingWindow(100, 10.2)
    share = SyncShare(window)
    for _ in range(20):
        window.start()
    share.note_start(0.0)
    assert share.wait(0.0, ahead=0) == pytest.approx(STEP / 2)
    assert share.wait(0.0, ahead=3) == pytest.approx(STEP * 3.5)


def test_calls_ahead_that_need_no_pace_cost_nothing():
    window = RollingWindow(100, 10.2)
    share = SyncShare(window)
    assert share.wait(0.0, ahead=19) == 0.0
    share.note_start(0.0)
    assert share.wait(0.0, ahead=22) == pytest.approx(STEP * 2.5)
