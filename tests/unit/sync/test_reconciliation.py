"""The number of calls that a reconciliation may make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dealcache.sync.reconciliation import allowance

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("elapsed", "calls"),
    [(timedelta(hours=12), 5000), (timedelta(days=3), 10_000), (timedelta(0), 0), (timedelta(hours=-1), 0)],
)
def test_calls_are_saved_up_for_a_day_at_most(elapsed, calls):
    assert allowance(10_000, NOW - elapsed, NOW) == calls


def test_the_first_time_a_whole_day_may_be_used():
    assert allowance(10_000, None, NOW) == 10_000
