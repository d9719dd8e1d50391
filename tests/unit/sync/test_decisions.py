"""How much may be re-read, what failures mean, and what webhooks hint at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dealcache.hints import Hint
from dealcache.hubspot import Forbidden, MalformedAnswer, RateLimited, Rejected, Unauthorised, Unavailable
from dealcache.repositories import StoreError, StoreUnavailable
from dealcache.sync.hinted import Dirty
from dealcache.sync.selected import NoSuchDealError
from dealcache.sync.setbacks import pause_after
from dealcache.sync.unsearchable import allowance

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("elapsed", "calls"),
    [(timedelta(hours=12), 5000), (timedelta(days=3), 10_000), (timedelta(0), 0), (timedelta(hours=-1), 0)],
)
def test_calls_are_saved_up_for_a_day_at_most(elapsed, calls):
    assert allowance(10_000, NOW - elapsed, NOW) == calls


def test_the_first_time_a_whole_day_may_be_used():
    assert allowance(10_000, None, NOW) == 10_000


@pytest.mark.parametrize(
    "failure",
    [NoSuchDealError("x"), Unauthorised("x"), Forbidden("x"), Rejected("x")],
    ids=lambda failure: type(failure).__name__,
)
def test_what_would_fail_again_is_not_tried_again(failure):
    assert pause_after(failure, 1) is None


@pytest.mark.parametrize("failure", [Unavailable("x"), MalformedAnswer("x"), RateLimited("x", retry_after=1)])
def test_failures_that_pass_are_waited_out_longer_each_time_but_not_for_ever(failure):
    pauses = [pause_after(failure, count) for count in range(1, 8)]
    assert pauses[-1] is None
    known = [pause for pause in pauses if pause is not None]
    assert len(known) == 6
    assert known == sorted(known)


def test_mongodb_is_waited_for_as_long_as_it_takes():
    assert pause_after(StoreUnavailable("x"), 10_000) == pause_after(StoreUnavailable("x"), 1)


def test_a_write_that_mongodb_refuses_is_not_tried_for_ever():
    assert pause_after(StoreError("x"), 1) is not None
    assert pause_after(StoreError("x"), 7) is None


def test_the_limit_of_the_day_is_waited_for():
    pause = pause_after(RateLimited("x", retry_after=3600, daily=True), 50)
    assert pause is not None
    assert pause >= 60


def hint(kind="propertyChange", object_type="deals", object_id="1", **more):
    fields = {"other_type": None, "other_id": None, "new_id": None, "merged_ids": ()} | more
    return Hint(key=object_id, kind=kind, object_type=object_type, object_id=object_id, occurred_at=NOW, **fields)


def test_hints_about_deals_and_activities_are_told_apart():
    dirty = Dirty.of([hint(), hint(object_type="notes", object_id="5"), hint(object_type="contacts", object_id="9")])
    assert dirty.deals == {"1"}
    assert dict(dirty.activities) == {"notes": {"5"}}


@pytest.mark.parametrize(
    "change",
    [
        hint("associationChange", "deals", "1", other_type="notes", other_id="5"),
        hint("associationChange", "notes", "5", other_type="deals", other_id="1"),
    ],
)
def test_an_association_is_looked_at_from_its_deal(change):
    dirty = Dirty.of([change])
    assert dirty.deals == {"1"}
    assert not dirty.activities


def test_a_merge_concerns_all_the_deals_in_it():
    assert Dirty.of([hint("merge", new_id="3", merged_ids=("1", "2"))]).deals == {"1", "2", "3"}
