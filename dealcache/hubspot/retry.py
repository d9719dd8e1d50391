"""Decides if and when a failed call is tried again: the only place where calls to HubSpot are repeated.

All calls only read, even those that HubSpot wants as POST, so repeating them is always safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from dealcache.hubspot.batch_size import SMALLEST_BATCH, wants_less
from dealcache.hubspot.errors import (
    AnswerTooLarge,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    TimedOut,
    Unavailable,
)
from dealcache.hubspot.limits.buckets import Priority
from dealcache.model.deadline import LOOK_SECONDS, Deadline

T = TypeVar("T")

#: The most tries of a call. A user waits for an interactive one; a sync would have to start over; a re-read that failed
#: is made again in a minute.
ATTEMPTS = {Priority.INTERACTIVE: 4, Priority.SHARED: 4, Priority.REREAD: 2, Priority.SYNC: 8}

#: How often a call is tried whose failure may be temporary or not. A 500, and what a gateway makes of one, HubSpot does
#: not list as temporary, but its own clients repeat a 500: one more try tells a hiccup from a bug. Half a body, or a
#: proxy's page with the status 200, is temporary; an API that has changed is not, and no user should wait for that. A
#: sync may take longer to be sure, but not long: a single record may be to blame, others wait until it is found, and a
#: job that fails for it continues after a pause anyway.
_ATTEMPTS_IN_DOUBT = {Priority.INTERACTIVE: 2, Priority.SHARED: 2, Priority.REREAD: 1, Priority.SYNC: 4}


#: How often a call is tried that HubSpot refuses: 400, 401, 403 and their like, a 404 that names no record, a redirect,
#: the 5xx that do not pass. A user who waits is told at once; for a sync a single one, in the middle of calls that
#: HubSpot serves, is no reason to end.
_ATTEMPTS_ON_REFUSAL = {Priority.INTERACTIVE: 1, Priority.SHARED: 1, Priority.REREAD: 1, Priority.SYNC: 3}

#: Statuses that HubSpot documents as temporary ("Error handling"), or that are by their meaning: worth all the tries.
_PASSING = frozenset({408, 423, 425, 502, 503, 504, 521, 523, 524})

#: A server's hiccup, as HubSpot says it and as its gateway does.
_HICCUPS = frozenset({500, 520, 522})

#: Seconds before the second try, doubled before each further one up to the ceiling.
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 8.0

#: The same after a refusal, which lasts longer than a broken connection.
_FIRST_DELAY_AFTER_REFUSAL = 1.0

#: A locked record stays locked for 2 seconds ("Error handling").
_LOCKED_DELAY = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts about a call that matter when it fails.

    Attributes:
        priority: a sync is more patient.
        records: how many records the call asks for. A sync that asks for many asks for fewer after a time-out, rather
            than for as many again.
        refusable: whether a refusal is an answer that the caller expects.
    """

    priority: Priority
    records: int = 1
    refusable: bool = False


def decide(failure: HubSpotError, attempt: int, asked: Asked, remaining: float, chance: float) -> float | None:
    """Decide about a failed try.

    Args:
        failure: what happened.
        attempt: the number of the try that failed, from 1.
        asked: what was asked for.
        remaining: seconds until the deadline.
        chance: a random number from 0 to 1, for the jitter.

    Returns:
        Seconds to wait before the next try, or None to give up.
    """
    if attempt >= _tries_worth(failure, asked):
        return None
    delay = _delay(failure, attempt, chance)
    # A try that could only start after the deadline would be wasted.
    return delay if delay < remaining else None


def _tries_worth(failure: HubSpotError, asked: Asked) -> int:
    """Return how many tries a failure of this kind deserves."""
    priority = asked.priority
    if wants_less(failure) and priority is Priority.SYNC and asked.records > SMALLEST_BATCH:
        return 1
    match failure:
        case AnswerTooLarge():
            return 1
        case RateLimited():
            return 1 if failure.daily else ATTEMPTS[priority]
        case TimedOut():
            return ATTEMPTS[priority]
        case MalformedAnswer(status=status) if status is None or status < 300:
            return _ATTEMPTS_IN_DOUBT[priority]
        case Unavailable(status=status) if status is None or status in _PASSING:
            return ATTEMPTS[priority]
        case Unavailable(status=status) if status in _HICCUPS:
            return _ATTEMPTS_IN_DOUBT[priority]
        case NotFound(category="OBJECT_NOT_FOUND"):
            return 1
    return 1 if asked.refusable else _ATTEMPTS_ON_REFUSAL[priority]


def _delay(failure: HubSpotError, attempt: int, chance: float) -> float:
    passes = isinstance(failure, RateLimited | TimedOut | MalformedAnswer | Unavailable)
    first = _FIRST_DELAY if passes else _FIRST_DELAY_AFTER_REFUSAL
    backoff: float = min(_LONGEST_DELAY, first * 2 ** (attempt - 1)) * (0.5 + chance)
    if isinstance(failure, RateLimited):
        # Never earlier than HubSpot asks, and not all at the same moment.
        return failure.retry_after + _FIRST_DELAY * chance
    if failure.status == 423:
        return _LOCKED_DELAY + backoff
    return backoff


def with_retries(
    call: Callable[[], T],
    deadline: Deadline,
    asked: Asked,
    on_retry: Callable[[HubSpotError], None],
    sleep: Callable[[float], None],
    chance: Callable[[], float],
) -> T:
    """Make ``call``, again where that may help, and return its result.

    Args:
        call: one try.
        deadline: no wait goes past it.
        asked: what is asked for.
        on_retry: called with each failure that is followed by another try.
        sleep: waits so many seconds.
        chance: gives random numbers from 0 to 1.

    Raises:
        HubSpotError: of the last try.
    """
    for attempt in count(1):
        try:
            return call()
        except HubSpotError as failure:
            delay = decide(failure, attempt, asked, deadline.remaining(), chance())
            if delay is None:
                raise
            on_retry(failure)
        # In steps, because the deadline moves nearer when a sync is cancelled.
        while delay > 0.0 and not deadline.expired():
            step = min(delay, LOOK_SECONDS)
            sleep(step)
            delay -= step
    raise AssertionError("unreachable")
