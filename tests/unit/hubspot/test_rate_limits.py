from __future__ import annotations

import pytest

from dealcache.hubspot.limits.buckets import Bucket, Priority, limits_of_tier
from dealcache.hubspot.limits.rate_limiter import RateLimiter, adopt_app_limit, local_rate_limits
from dealcache.hubspot.limits.sliding_window import SlidingWindow
from dealcache.model.deadline import Deadline
from tests.rate_limits_contract import RateLimitsContract, assert_within, sync_starts


class TestLocalRateLimits(RateLimitsContract):
    @pytest.fixture
    def make_rate_limits(self, clock):
        return lambda condition: local_rate_limits(clock, condition)

    @pytest.fixture
    def make_limiter(self, clock):
        return lambda limit, period, condition: RateLimiter(SlidingWindow(limit, period), clock, condition)

    def test_each_of_several_workers_keeps_to_its_share(self, clock):
        workers = 1
        rate_limits = local_rate_limits(clock, clock.jumping_condition, lambda: workers)
        adopt_app_limit(rate_limits, 190)
        assert [rate_limits[bucket].left() for bucket in Bucket] == [5, 190, 150]
        workers = 4
        assert [rate_limits[bucket].left() for bucket in Bucket] == [1, 47, 37]
        workers = 0  # nobody has counted yet, and this one is there
        assert [rate_limits[bucket].left() for bucket in Bucket] == [5, 190, 150]

    @pytest.mark.parametrize("priority", Priority)
    def test_more_workers_than_calls_make_a_call_each_in_more_than_a_period(self, clock, priority):
        rate_limits = local_rate_limits(clock, clock.jumping_condition, lambda: 8)
        starts = []
        for _ in range(20):
            with rate_limits[Bucket.SEARCH].acquire(Deadline(9, clock), priority):
                starts.append(clock())
        assert_within(starts, 1, 1.6)
        assert starts[-1] - starts[0] == pytest.approx(19 * 1.002 * 8 / 5)

    def test_the_syncs_of_several_workers_keep_to_the_limit_together(self, clock):
        rate_limits = local_rate_limits(clock, clock.jumping_condition, lambda: 4)
        starts = sync_starts(rate_limits, clock, 250)
        assert_within(starts, 25, 10.0)
        assert len(starts) / (starts[-1] - starts[0]) >= 0.95 * 2.5


def test_associations_limit_of_a_tier():
    assert [limits_of_tier(limit)[Bucket.ASSOCIATIONS] for limit in (100, 149, 150, 190, 249, 250)] == [
        100,
        100,
        150,
        150,
        150,
        200,
    ]
