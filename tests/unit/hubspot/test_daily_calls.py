"""The daily allowance of calls, as HubSpot's answers state it."""

from __future__ import annotations

import logging

import pytest

from dealcache.hubspot.daily_calls import DailyCalls
from dealcache.hubspot.errors import RateLimited
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.retry import Asked
from dealcache.hubspot.session import HubSpotSession
from dealcache.hubspot.transport import Request
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.conftest import BASE_URL, TOKEN


def headers(left, limit=1000):
    return {"x-hubspot-ratelimit-daily": str(limit), "x-hubspot-ratelimit-daily-remaining": str(left)}


@pytest.fixture
def daily(clock):
    return DailyCalls(clock)


def test_nothing_is_known_before_the_first_answer(daily):
    assert (daily.left, daily.limit, daily.scarce) == (None, None, False)
    daily.note({})
    daily.note_served()
    assert (daily.left, daily.scarce) == (None, False)


@pytest.mark.parametrize(
    ("left", "limit", "scarce"),
    [(20, 1000, False), (19, 1000, True), (0, 1000, True), (4999, 250_000, True), (1, 1, False)],
)
def test_below_two_per_cent_they_are_scarce(daily, left, limit, scarce):
    daily.note(headers(left, limit))
    assert (daily.left, daily.limit, daily.scarce) == (left, limit, scarce)


@pytest.mark.parametrize(("left", "enough"), [(1000, True), (334, True), (333, False), (19, False)])
def test_rereads_leave_the_last_third(daily, clock, left, enough):
    assert daily.left_for_rereads
    daily.note(headers(left, 1000))
    assert (daily.left_for_rereads, daily.is_old) == (enough, False)
    clock.now += 600
    assert (daily.left_for_rereads, daily.is_old) == (enough, True)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"x-hubspot-ratelimit-daily": "1000"},
        {"x-hubspot-ratelimit-daily-remaining": "1"},
        headers("", ""),
        headers("few"),
        headers("-1"),
        headers("1.5"),
        headers("١"),
        headers("1, 2"),
        headers("0", "0"),
        headers(1001, 1000),
        headers("1" * 10, "2" * 10),
        headers(5, "unlimited"),
    ],
    ids=str,
)
def test_values_that_cannot_be_are_ignored(daily, values):
    daily.note(headers(500))
    daily.note(values)
    assert (daily.left, daily.limit) == (500, 1000)


def test_the_log_says_once_when_it_begins_and_when_it_ends(daily, caplog):
    caplog.set_level(logging.INFO)
    for left in (21, 20, 19, 18, 0, 1000, 999):
        daily.note(headers(left))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "19 of 1000 are left" in caplog.text
    assert "1000 of the day's are left" in caplog.text


def test_what_was_said_long_ago_is_to_be_asked_for_again(daily, clock):
    daily.note(headers(5))
    clock.now += 599
    assert (daily.scarce, daily.is_old) == (True, False)
    clock.now += 1
    assert (daily.scarce, daily.is_old) == (True, True)
    daily.postpone()
    assert (daily.scarce, daily.is_old) == (True, False)
    clock.now += 600
    daily.note(headers(1000))
    assert (daily.scarce, daily.is_old) == (False, False)
    clock.now += 10_000
    assert not daily.scarce


def test_a_refusal_without_numbers_counts_until_a_call_is_served(daily):
    daily.note_used_up()
    assert (daily.left, daily.scarce) == (0, True)
    daily.note_served()
    assert (daily.left, daily.scarce) == (None, False)


def test_a_call_that_is_served_says_nothing_where_headers_do(daily):
    daily.note(headers(0))
    daily.note_served()
    assert (daily.left, daily.scarce) == (0, True)


@pytest.mark.parametrize("bucket", Bucket)
def test_a_session_tells_of_every_answer(hubspot, clock, rate_limits, daily, bucket):
    session = HubSpotSession(
        BASE_URL, TOKEN, pool_size=1, rate_limits=rate_limits, daily=daily, clock=clock, sleep=clock.sleep
    )
    numbers = {"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "12"}
    hubspot.get(f"{BASE_URL}/x", json={}, headers=numbers)
    session.call(Request("things", "GET", "/x"), bucket, Deadline(9.0, clock), Asked(Priority.INTERACTIVE))
    assert (daily.left, daily.limit, daily.scarce) == (12, 1000, True)

    hubspot.get(f"{BASE_URL}/y", json={"policyName": "DAILY"}, status=429)
    with pytest.raises(RateLimited):
        session.call(Request("things", "GET", "/y"), bucket, Deadline(9.0, clock), Asked(Priority.INTERACTIVE))
    assert (daily.left, daily.limit) == (0, 1000)
    session.close()
