"""The contract of all rate limits, held against each of them, with a clock that tests advance."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import RateLimits, adopt_app_limit
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.clocks import HandClock

#: Makes the condition variables that callers wait on.
MakeCondition = Callable[[], threading.Condition]
MakeRateLimits = Callable[[MakeCondition], RateLimits]


def use(rate_limits, bucket, deadline, priority=Priority.INTERACTIVE):
    with rate_limits[bucket].acquire(deadline, priority):
        pass


def sync_starts(rate_limits, clock, calls, bucket=Bucket.APP, seconds=0.0):
    """The moments at which ``calls`` calls of a sync start, each answered after ``seconds``."""
    starts = []
    for _ in range(calls):
        with rate_limits[bucket].acquire(Deadline(1000, clock), Priority.SYNC):
            starts.append(clock())
            clock.now += seconds
    return starts


def least_left_during_sync(rate_limits, clock, seconds):
    """The fewest slots of the app that a sync left free for ``seconds`` on end."""
    until, least = clock() + seconds, 100
    while clock() < until:
        use(rate_limits, Bucket.APP, Deadline(1000, clock), Priority.SYNC)
        least = min(least, rate_limits[Bucket.APP].left())
    return least


def assert_within(starts, limit, period):
    """That no more than ``limit`` of these moments lie in any ``period`` seconds."""
    starts = sorted(starts)
    for first, over in zip(starts, starts[limit:], strict=False):
        assert over - first >= period


class RateLimitsContract:
    """The tests; a subclass has the fixtures ``make_rate_limits`` and ``make_limiter``."""

    #: How many threads race; what each waits for may be a round trip.
    threads = 30

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def rate_limits(self, make_rate_limits: MakeRateLimits, clock: HandClock) -> RateLimits:
        return make_rate_limits(clock.jumping_condition)

    @pytest.mark.parametrize(
        ("bucket", "limit", "period"),
        [(Bucket.SEARCH, 5, 1.0), (Bucket.APP, 100, 10.0), (Bucket.ASSOCIATIONS, 100, 10.0)],
    )
    def test_many_threads_together_keep_to_the_limit(self, make_rate_limits, clock, bucket, limit, period):
        changed = clock.agreed_condition(self.threads)
        rate_limits = make_rate_limits(lambda: changed)
        deadline = Deadline(10_000, clock)
        lock, starts = threading.Lock(), []
        ready = threading.Barrier(self.threads)

        def call():
            ready.wait()
            for _ in range(300 // self.threads):
                with rate_limits[bucket].acquire(deadline, Priority.INTERACTIVE), lock:
                    starts.append(clock())
            changed.leave()

        with ThreadPoolExecutor(self.threads) as pool:
            for future in [pool.submit(call) for _ in range(self.threads)]:
                future.result()
        assert len(starts) == 300
        assert_within(starts, limit, period)
        # Nor did they wait longer than they had to.
        assert max(starts) - min(starts) == pytest.approx((300 // limit - 1) * period, rel=0.05)

    def test_who_cannot_be_served_in_time_is_told_so_at_once(self, rate_limits, clock):
        for _ in range(5):
            use(rate_limits, Bucket.SEARCH, Deadline(1, clock))
        before = clock()
        with pytest.raises(RateLimited) as caught:
            use(rate_limits, Bucket.SEARCH, Deadline(0.5, clock))
        assert clock() == before
        assert caught.value.retry_after == pytest.approx(1.002)
        use(rate_limits, Bucket.SEARCH, Deadline(2, clock))
        assert clock() - before == pytest.approx(1.002)

    def test_who_waits_behind_others_in_vain_is_told_so_at_once(self, make_rate_limits, clock):
        changed = clock.patient_condition()
        rate_limits = make_rate_limits(lambda: changed)
        for _ in range(5):
            use(rate_limits, Bucket.SEARCH, Deadline(1, clock))
        others = [
            threading.Thread(target=use, args=(rate_limits, Bucket.SEARCH, Deadline(9, clock)), daemon=True)
            for _ in range(5)
        ]
        for other in others:
            other.start()
            changed.waiting.acquire()
        with pytest.raises(RateLimited) as caught:
            use(rate_limits, Bucket.SEARCH, Deadline(1.5, clock))
        assert caught.value.retry_after == pytest.approx(2.004)
        changed.tick(1.002)
        for other in others:
            other.join(60)
            assert not other.is_alive()

    def test_who_gave_up_leaves_no_place_taken(self, rate_limits, clock):
        rate_limits[Bucket.SEARCH].pause(5.0)
        with pytest.raises(RateLimited):
            use(rate_limits, Bucket.SEARCH, Deadline(1, clock))
        clock.now += 5.0
        assert rate_limits[Bucket.SEARCH].left() == 5

    def test_a_call_that_fails_uses_up_its_slot_too(self, rate_limits, clock):
        with pytest.raises(KeyError), rate_limits[Bucket.SEARCH].acquire(Deadline(1, clock), Priority.INTERACTIVE):
            raise KeyError
        assert rate_limits[Bucket.SEARCH].left() == 4
        clock.now += 1.002
        assert rate_limits[Bucket.SEARCH].left() == 5

    def test_a_call_under_way_keeps_its_slot_and_for_a_period_after(self, rate_limits, clock):
        with rate_limits[Bucket.SEARCH].acquire(Deadline(60, clock), Priority.INTERACTIVE):
            clock.now += 25.0
            assert rate_limits[Bucket.SEARCH].left() == 4
        clock.now += 1.0
        assert rate_limits[Bucket.SEARCH].left() == 4
        clock.now += 1.0
        assert rate_limits[Bucket.SEARCH].left() == 5

    def test_interactive_callers_go_before_sync_callers_and_each_in_order(self, make_limiter, clock):
        changed = clock.patient_condition()
        limiter = make_limiter(1, 1.0, lambda: changed)
        served, served_one = [], threading.Semaphore(0)

        def call(name, priority):
            with limiter.acquire(Deadline(1000, clock), priority):
                served.append(name)
            served_one.release()

        with limiter.acquire(Deadline(1, clock), Priority.INTERACTIVE):
            pass
        threads = []
        for name, priority in [
            ("sync 1", Priority.SYNC),
            ("sync 2", Priority.SYNC),
            ("re-read", Priority.REREAD),
            ("for all", Priority.SHARED),
            ("reader 1", Priority.INTERACTIVE),
            ("reader 2", Priority.INTERACTIVE),
        ]:
            threads.append(threading.Thread(target=call, args=(name, priority)))
            threads[-1].start()
            changed.waiting.acquire()
        for _ in threads:
            changed.tick(1.0)
            assert served_one.acquire(timeout=60)
        for thread in threads:
            thread.join()
        assert served == ["reader 1", "reader 2", "for all", "re-read", "sync 1", "sync 2"]

    def test_a_refusal_pauses_its_bucket_alone(self, rate_limits, clock):
        rate_limits[Bucket.SEARCH].pause(3.0)
        assert [rate_limits[bucket].left() for bucket in Bucket] == [0, 100, 100]
        before = clock()
        use(rate_limits, Bucket.APP, Deadline(9, clock))
        assert clock() == before
        use(rate_limits, Bucket.SEARCH, Deadline(9, clock))
        assert clock() - before == pytest.approx(3.0)

    def test_a_shorter_pause_does_not_cut_a_longer_one(self, rate_limits, clock):
        rate_limits[Bucket.SEARCH].pause(3.0)
        rate_limits[Bucket.SEARCH].pause(1.0)
        before = clock()
        use(rate_limits, Bucket.SEARCH, Deadline(9, clock))
        assert clock() - before == pytest.approx(3.0)

    @pytest.mark.parametrize(
        ("stated", "app", "associations"),
        [(100, 100, 100), (110, 110, 100), (190, 190, 150), (250, 250, 200), (0, 100, 100), (999_999, 100, 100)],
    )
    def test_the_limits_follow_what_hubspot_states(self, rate_limits, stated, app, associations):
        adopt_app_limit(rate_limits, stated)
        assert rate_limits[Bucket.APP].left() == app
        assert rate_limits[Bucket.ASSOCIATIONS].left() == associations
        assert rate_limits[Bucket.SEARCH].left() == 5

    def test_a_lower_limit_is_adopted_too(self, rate_limits):
        adopt_app_limit(rate_limits, 250)
        adopt_app_limit(rate_limits, 100)
        assert (rate_limits[Bucket.APP].left(), rate_limits[Bucket.ASSOCIATIONS].left()) == (100, 100)

    def test_a_waiting_caller_starts_as_soon_as_the_limit_rises(self, make_rate_limits, clock):
        changed = clock.patient_condition()
        rate_limits = make_rate_limits(lambda: changed)
        for _ in range(100):
            use(rate_limits, Bucket.APP, Deadline(1, clock))
        waiter = threading.Thread(target=use, args=(rate_limits, Bucket.APP, Deadline(100, clock)), daemon=True)
        waiter.start()
        changed.waiting.acquire()
        adopt_app_limit(rate_limits, 190)
        waiter.join(60)
        assert not waiter.is_alive()

    @pytest.mark.parametrize(("limit", "bucket"), [(100, Bucket.APP), (190, Bucket.APP), (190, Bucket.ASSOCIATIONS)])
    def test_a_lone_sync_uses_nearly_all_that_the_limit_allows(self, rate_limits, clock, limit, bucket):
        adopt_app_limit(rate_limits, limit)
        limit = rate_limits[bucket].left()
        starts = sync_starts(rate_limits, clock, 6 * limit, bucket)
        steady = [start for start in starts if start >= starts[0] + 30.0]
        assert len(steady) > 2 * limit
        assert (len(steady) - 1) / (steady[-1] - steady[0]) >= 0.97 * limit / 10
        assert len(starts) / (starts[-1] - starts[0]) >= 0.97 * limit / 10
        assert_within(starts, limit, 10.0)

    def test_sync_leaves_a_fiftieth_of_the_limit_when_nobody_reads(self, rate_limits, clock):
        assert least_left_during_sync(rate_limits, clock, 60.0) == 2

    def test_sync_leaves_a_fifth_of_the_limit_for_three_periods_after_a_reader(self, rate_limits, clock):
        use(rate_limits, Bucket.APP, Deadline(1, clock))
        assert least_left_during_sync(rate_limits, clock, 30.0) == 20
        assert least_left_during_sync(rate_limits, clock, 30.0) == 2
        use(rate_limits, Bucket.APP, Deadline(1, clock))
        clock.now += 12.0
        assert least_left_during_sync(rate_limits, clock, 15.0) == 20

    def test_readers_of_one_bucket_do_not_slow_a_sync_in_another(self, rate_limits, clock):
        use(rate_limits, Bucket.ASSOCIATIONS, Deadline(1, clock))
        starts = sync_starts(rate_limits, clock, 500)
        assert len(starts) / (starts[-1] - starts[0]) >= 9.7

    def test_what_is_read_for_all_waits_for_no_sync_and_counts_as_no_reader(self, rate_limits, clock):
        sync_starts(rate_limits, clock, 200)
        before = clock()
        use(rate_limits, Bucket.APP, Deadline(1, clock), Priority.SHARED)
        assert clock() == before
        # Had that been a reader, a fifth would be kept free for the next ones.
        clock.now += 12.0
        assert least_left_during_sync(rate_limits, clock, 15.0) == 2

    @pytest.mark.parametrize(("limit", "small"), [(100, 80), (190, 152)])
    def test_a_small_sync_is_not_slowed_when_nobody_reads(self, rate_limits, clock, limit, small):
        adopt_app_limit(rate_limits, limit)
        starts = sync_starts(rate_limits, clock, small + 1)
        assert starts[small - 1] == starts[0]
        assert starts[small] > starts[0]

    def test_a_sync_that_is_a_little_larger_is_hardly_slowed(self, rate_limits, clock):
        starts = sync_starts(rate_limits, clock, 83)
        assert starts[82] - starts[0] < 2.0

    @pytest.mark.parametrize(("limit", "small"), [(100, 20), (190, 38)])
    def test_a_sync_beside_readers_takes_a_fifth_of_the_limit_at_once(self, rate_limits, clock, limit, small):
        adopt_app_limit(rate_limits, limit)
        use(rate_limits, Bucket.APP, Deadline(1, clock))
        starts = sync_starts(rate_limits, clock, small)
        assert starts[small - 2] == starts[0]
        assert starts[small - 1] > starts[0]

    def test_a_sync_gives_way_as_soon_as_somebody_reads(self, rate_limits, clock):
        began = clock()
        assert sync_starts(rate_limits, clock, 50)[-1] == began
        use(rate_limits, Bucket.APP, Deadline(1, clock))
        assert sync_starts(rate_limits, clock, 29)[0] > began
        assert rate_limits[Bucket.APP].left() == 20
        with pytest.raises(RateLimited):
            use(rate_limits, Bucket.APP, Deadline(1, clock), Priority.SYNC)

    def test_a_sync_that_was_slowed_takes_nothing_at_once_until_it_has_paused_for_two_periods(self, rate_limits, clock):
        starts = sync_starts(rate_limits, clock, 400)
        assert len(set(starts[80:])) == 320
        clock.now += 8.0
        again = sync_starts(rate_limits, clock, 80)
        assert again[79] > again[0]
        clock.now += 20.5
        again = sync_starts(rate_limits, clock, 80)
        assert again[79] == again[0]

    @pytest.mark.parametrize("bucket", Bucket)
    @pytest.mark.parametrize("latency", [0.0, 0.15])
    def test_a_reader_in_the_middle_of_a_sync_never_waits_long(self, make_rate_limits, clock, bucket, latency):
        """At any moment of a sync, also of its first period, five calls of a reader who comes by surprise start soon.

        What the reader did is forgotten before the next moment is tried.
        """
        rate_limits = make_rate_limits(clock.jumping_condition)
        for before in range(1, 250, 41):
            sync_starts(rate_limits, clock, before, bucket, latency)
            asked_at = clock()
            calls = 5 if bucket is not Bucket.SEARCH else 1
            for _ in range(calls):
                use(rate_limits, bucket, Deadline(20, clock))
            assert clock() - asked_at <= 0.5
            clock.now += 100.0

    def test_many_calls_of_a_reader_get_the_slots_of_the_sync_one_by_one(self, rate_limits, clock):
        sync_starts(rate_limits, clock, 500)
        asked_at = clock()
        for _ in range(25):
            use(rate_limits, Bucket.APP, Deadline(20, clock))
        assert clock() - asked_at <= 2.5

    def test_a_waiting_sync_notices_soon_that_it_is_cancelled(self, rate_limits, clock):
        cancelled_at = clock() + 3.2
        deadline = Deadline(1000, clock, is_cancelled=lambda: clock() >= cancelled_at)
        rate_limits[Bucket.APP].pause(60.0)
        with pytest.raises(RateLimited):
            use(rate_limits, Bucket.APP, deadline, Priority.SYNC)
        assert clock() <= cancelled_at + 0.5

    def test_a_limit_of_one_still_lets_a_sync_through(self, make_limiter, clock):
        limiter = make_limiter(1, 1.0, clock.jumping_condition)
        began = clock()
        for _ in range(3):
            with limiter.acquire(Deadline(10, clock), Priority.SYNC):
                pass
        assert clock() - began == pytest.approx(2.0)
