from __future__ import annotations

import pytest

from dealcache.hubspot.batch_size import wants_less
from dealcache.hubspot.errors import (
    AnswerTooLarge,
    Forbidden,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorised,
    Unavailable,
)
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.retry import Asked, decide, with_retries
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.clocks import HandClock

READER, SYNC = Asked(Priority.INTERACTIVE), Asked(Priority.SYNC)
SHARED = Asked(Priority.SHARED)


def unavailable(status=None):
    return Unavailable("down", status=status)


@pytest.mark.parametrize("status", [408, 423, 425, 502, 503, 504, 521, 523, 524, None])
def test_what_passes_is_tried_four_times(status):
    decisions = [decide(unavailable(status), attempt, READER, 100, 0.5) for attempt in (1, 2, 3, 4)]
    assert all(decision is not None for decision in decisions[:3])
    assert decisions[3] is None


@pytest.mark.parametrize("status", [501, 505, 525, 526, 530])
def test_a_5xx_that_does_not_pass_is_tried_once(status):
    assert decide(unavailable(status), 1, READER, 100, 0.5) is None


@pytest.mark.parametrize("asked", [READER, SHARED])
@pytest.mark.parametrize("kind", [Unauthorised, Forbidden, NotFound, Rejected])
def test_what_is_refused_to_a_reader_is_tried_once(kind, asked):
    assert decide(kind("no"), 1, asked, 100, 0.5) is None


@pytest.mark.parametrize("kind", [Unauthorised, Forbidden, Rejected, NotFound])
def test_what_is_refused_to_a_sync_is_tried_three_times_within_seconds(kind):
    decisions = [decide(kind("no", status=400), attempt, SYNC, 100, 1.0) for attempt in (1, 2, 3)]
    assert decisions == [1.5, 3.0, None]


def test_a_refusal_that_a_sync_expects_is_tried_once():
    assert decide(Rejected("no list", status=400), 1, Asked(Priority.SYNC, refusable=True), 100, 0.5) is None
    assert decide(unavailable(502), 1, Asked(Priority.SYNC, refusable=True), 100, 0.5) is not None


def test_a_record_that_does_not_exist_is_no_refusal():
    assert decide(NotFound("no", status=404, category="OBJECT_NOT_FOUND"), 1, SYNC, 100, 0.5) is None


SLOW = [TimedOut("late"), AnswerTooLarge("large"), *(unavailable(status) for status in (408, 504, 524))]


@pytest.mark.parametrize("failure", SLOW, ids=str)
def test_a_sync_that_may_ask_for_less_does_not_ask_for_the_same_again(failure):
    assert wants_less(failure)
    assert decide(failure, 1, Asked(Priority.SYNC, records=11), 100, 0.5) is None
    again = decide(failure, 1, Asked(Priority.SYNC, records=10), 100, 0.5)
    assert (again is None) == isinstance(failure, AnswerTooLarge)
    reader = decide(failure, 1, Asked(Priority.INTERACTIVE, records=100), 100, 0.5)
    assert (reader is None) == isinstance(failure, AnswerTooLarge)


@pytest.mark.parametrize(
    "failure", [unavailable(), unavailable(500), unavailable(502), RateLimited("full", retry_after=1.0, status=429)]
)
def test_other_failures_are_no_reason_to_ask_for_less(failure):
    assert not wants_less(failure)
    assert decide(failure, 1, Asked(Priority.SYNC, records=1000), 100, 0.5) is not None


def test_a_time_out_is_tried_again():
    assert decide(TimedOut("late"), 1, READER, 100, 0.5) == pytest.approx(0.25)


def test_the_back_off_doubles_up_to_its_ceiling_and_jitters_by_half():
    middle = [decide(unavailable(503), attempt, SYNC, 100, 0.5) for attempt in range(1, 8)]
    assert middle == pytest.approx([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0])
    assert decide(unavailable(503), 1, SYNC, 100, 0.0) == pytest.approx(0.125)
    assert decide(unavailable(503), 1, SYNC, 100, 1.0) == pytest.approx(0.375)


def test_a_locked_record_gets_its_two_seconds():
    assert decide(unavailable(423), 1, READER, 100, 0.0) >= 2.0


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_a_limit_is_waited_for_as_told_and_hardly_longer(chance):
    delay = decide(RateLimited("full", retry_after=10.0, status=429), 1, READER, 100, chance)
    assert 10.0 <= delay <= 10.25


def test_a_wait_past_the_deadline_is_not_begun():
    full = RateLimited("moving", retry_after=60.0, status=477)
    assert decide(full, 1, READER, 59.0, 0.0) is None
    assert decide(full, 1, READER, 61.0, 0.0) == 60.0
    assert decide(unavailable(503), 1, READER, 0.2, 0.5) is None


def test_the_limit_of_the_day_is_not_waited_for():
    assert decide(RateLimited("full", retry_after=5.0, daily=True), 1, READER, 1e9, 0.0) is None


class Failing:
    def __init__(self, clock, failures, seconds=0.0):
        self.clock, self.failures, self.seconds, self.calls = clock, list(failures), seconds, 0

    def __call__(self):
        self.calls += 1
        self.clock.now += self.seconds
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def run(call, clock, seconds=100.0, asked=READER, on_retry=lambda failure: None):
    return with_retries(call, Deadline(seconds, clock), asked, on_retry, clock.sleep, lambda: 0.5)


def test_the_answer_after_failures_is_returned_and_each_retry_is_told():
    clock, told = HandClock(), []
    call = Failing(clock, [unavailable(503), TimedOut("late")])
    assert run(call, clock, on_retry=told.append) == "answer"
    assert clock.slept == pytest.approx([0.25, 0.5])
    assert [type(failure) for failure in told] == [Unavailable, TimedOut]


def test_the_last_failure_is_the_one_that_is_raised():
    clock = HandClock()
    call = Failing(clock, [unavailable(503)] * 3 + [TimedOut("last")] * 9)
    with pytest.raises(TimedOut, match="last"):
        run(call, clock)
    assert call.calls == 4


@pytest.mark.parametrize(
    ("failure", "reader_s", "sync_s"),
    [
        (unavailable(), 4, 8),
        (unavailable(502), 4, 8),
        (TimedOut("late"), 4, 8),
        (RateLimited("full", retry_after=1.0, status=429), 4, 8),
        (unavailable(500), 2, 4),
        (unavailable(520), 2, 4),
        (unavailable(522), 2, 4),
        (MalformedAnswer("<html>", status=200), 2, 4),
        (MalformedAnswer("cannot be unpacked"), 2, 4),
        (MalformedAnswer("moved", status=302), 1, 3),
        (unavailable(530), 1, 3),
        (Unauthorised("no", status=401), 1, 3),
        (Forbidden("no", status=403), 1, 3),
        (Rejected("no", status=400), 1, 3),
        (RateLimited("full", retry_after=1.0, daily=True), 1, 1),
    ],
)
def test_a_sync_is_more_patient(failure, reader_s, sync_s):
    for asked, tries in ((READER, reader_s), (SHARED, reader_s), (SYNC, sync_s)):
        clock = HandClock()
        call = Failing(clock, [failure] * 99)
        with pytest.raises(type(failure)):
            run(call, clock, asked=asked)
        assert call.calls == tries


def test_a_long_wait_ends_soon_after_a_sync_is_cancelled():
    clock = HandClock()
    deadline = Deadline(1000.0, clock)
    call = Failing(clock, [RateLimited("moving", retry_after=60.0, status=477)] * 99)

    def sleep(seconds):
        clock.sleep(seconds)
        if clock.now >= 1003.0:
            deadline._expires_at = clock.now

    with pytest.raises(RateLimited):
        with_retries(call, deadline, SYNC, lambda failure: None, sleep, lambda: 0.5)
    assert clock.now <= 1003.5
    assert call.calls == 2


def test_our_own_deadline_ends_the_tries():
    clock = HandClock()
    call = Failing(clock, [TimedOut("late")] * 99, seconds=10.0)
    with pytest.raises(TimedOut):
        run(call, clock, seconds=10.0, asked=SYNC)
    assert call.calls == 1
    assert clock.slept == []


def test_no_sleep_ends_after_the_deadline():
    clock = HandClock()
    call = Failing(clock, [unavailable(503)] * 99, seconds=0.6)
    with pytest.raises(Unavailable):
        run(call, clock, seconds=1.6)
    assert call.calls == 2
    assert clock.now <= 1001.6


def test_other_exceptions_pass_through_at_once():
    clock = HandClock()
    call = Failing(clock, [KeyError("bug")])
    with pytest.raises(KeyError):
        run(call, clock)
    assert call.calls == 1
