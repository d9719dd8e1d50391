"""Pauses before a job, or a record that a webhook named, is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorised,
    WrongAccount,
)
from dealcache.repositories import StoreError, StoreUnavailable
from dealcache.sync.refused_types import TypesRefusedError
from dealcache.sync.selected import NoSuchDealError

#: The failures that :func:`retry_delay` knows.
EXPECTED_FAILURES: tuple[type[Exception], ...] = (HubSpotError, StoreError, NoSuchDealError, TypesRefusedError)

#: Seconds to wait after each failure in a row; after that many without progress the job fails. Each failure of HubSpot
#: comes after all tries of one call.
_DELAYS = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)

#: How many of these pauses are made if only some types of records are missing: the next sync continues with these.
_TRIES_OF_TYPES = 3

#: Calls that are shared with readers, and so have their patience: a refusal comes after a single try, so a second one
#: is allowed before it counts.
_SHARED_CALLS = frozenset({"owners", "pipelines", "account_details"})
_REFUSALS_OF_SHARED_CALLS = 2

#: Seconds between tries of MongoDB, without limit: without MongoDB not even a failure can be recorded.
_MONGODB_DELAY = 2.0

#: Seconds to wait when the account's calls of the day are used up: HubSpot gives new ones at its midnight.
_DAILY_DELAY = 600.0

#: Before the second try of a record, doubled before each further one up to the longest.
_RECORD_DELAY, LONGEST_RECORD_DELAY = timedelta(seconds=2), timedelta(minutes=15)

#: How old a webhook event has to be before it is set aside, and how often its record must have failed by then, so that
#: events from before a long outage get their tries.
_PATIENCE, _LEAST_ATTEMPTS = timedelta(days=1), 5


def retry_delay(failure: Exception, in_a_row: int) -> float | None:
    """Return how many seconds a job waits before it resumes at its checkpoint; None if it would fail again.

    Args:
        failure: one of :data:`EXPECTED_FAILURES`.
        in_a_row: the number of failures since the job last made progress, this one included.
    """
    delay = _DELAYS[in_a_row - 1] if in_a_row <= len(_DELAYS) else None
    match failure:
        case StoreUnavailable():
            return _MONGODB_DELAY
        case TypesRefusedError():
            return delay if failure.may_pass and in_a_row <= _TRIES_OF_TYPES else None
        case NoSuchDealError() | WrongAccount():
            return None
        case Unauthorised() | Forbidden() | Rejected() | NotFound():
            shared = failure.endpoint in _SHARED_CALLS and in_a_row <= _REFUSALS_OF_SHARED_CALLS
            return delay if shared else None
        case RateLimited(daily=True):
            return _DAILY_DELAY
    return delay


def next_try(attempts: int, oldest_at: datetime, now: datetime, chance: float) -> datetime | None:
    """Return when a record that has just failed is tried again; None if its events are to be set aside.

    Args:
        attempts: how often it had failed before.
        oldest_at: when the oldest of its events came.
        now: the present.
        chance: a random number from 0 to 1, for the jitter.
    """
    failures = attempts + 1
    if failures >= _LEAST_ATTEMPTS and now - oldest_at >= _PATIENCE:
        return None
    delay: timedelta = min(LONGEST_RECORD_DELAY, _RECORD_DELAY * 2 ** min(failures - 1, 20))
    return now + delay * (0.8 + 0.4 * chance)
