"""When jobs and records that failed are tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dealcache.hubspot.errors import Forbidden, MalformedAnswer, RateLimited, Rejected, Unauthorised, Unavailable
from dealcache.repositories import StoreError, StoreUnavailable
from dealcache.sync.retry_policy import next_try, retry_delay
from dealcache.sync.selected import NoSuchDealError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "failure",
    [NoSuchDealError("x"), Unauthorised("x"), Forbidden("x"), Rejected("x")],
    ids=lambda failure: type(failure).__name__,
)
def test_what_would_fail_again_is_not_tried_again(failure):
    assert retry_delay(failure, 1) is None


@pytest.mark.parametrize("endpoint", ["owners", "pipelines", "account_details"])
@pytest.mark.parametrize("kind", [Unauthorised, Forbidden, Rejected])
def test_a_call_that_is_made_for_readers_too_is_refused_three_times_before_that_counts(kind, endpoint):
    failure = kind("no", endpoint=endpoint)
    assert [retry_delay(failure, count) for count in (1, 2, 3)] == [2.0, 5.0, None]


@pytest.mark.parametrize("failure", [Unavailable("x"), MalformedAnswer("x"), RateLimited("x", retry_after=1)])
def test_failures_that_pass_are_waited_out_longer_each_time_but_not_for_ever(failure):
    pauses = [retry_delay(failure, count) for count in range(1, 8)]
    assert pauses[-1] is None
    known = [pause for pause in pauses if pause is not None]
    assert len(known) == 6
    assert known == sorted(known)


def test_mongodb_is_waited_for_as_long_as_it_takes():
    assert retry_delay(StoreUnavailable("x"), 10_000) == retry_delay(StoreUnavailable("x"), 1)


def test_a_write_that_mongodb_refuses_is_not_tried_for_ever():
    assert retry_delay(StoreError("x"), 1) is not None
    assert retry_delay(StoreError("x"), 7) is None


def test_the_limit_of_the_day_is_waited_for():
    pause = retry_delay(RateLimited("x", retry_after=3600, daily=True), 50)
    assert pause is not None
    assert pause >= 60


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 2), (1, 4), (2, 8), (5, 64), (8, 512), (9, 900), (10, 900), (5000, 900)]
)
def test_pauses_of_a_record_grow_to_a_quarter_of_an_hour(attempts, seconds):
    for chance, share in ((0.0, 0.8), (0.5, 1.0), (1.0, 1.2)):
        assert next_try(attempts, NOW, NOW, chance) == NOW + timedelta(seconds=share * seconds)


def test_after_a_day_a_record_is_set_aside():
    assert next_try(90, NOW - DAY + timedelta(seconds=1), NOW, 0.5) is not None
    assert next_try(90, NOW - DAY, NOW, 0.5) is None


def test_what_came_before_a_long_outage_gets_its_tries():
    ends = [next_try(attempts, NOW - 3 * DAY, NOW, 0.5) is None for attempts in range(6)]
    assert ends == [False] * 4 + [True] * 2
