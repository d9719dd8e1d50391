"""Problems for the failures of the read path: statuses and ``Retry-After``."""

from __future__ import annotations

import math

from dealcache.api.problems import Problem
from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    RateLimited,
    TimedOut,
    Unauthorised,
    Unavailable,
    WrongAccount,
)
from dealcache.reader.bulkhead import BulkheadFullError
from dealcache.reader.mongodb import TimelineNotSyncedError
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.repositories import StoreError, StoreUnavailable, SumsMissingError

#: When to try again if a dependency fails without naming a time.
LATER = {"Retry-After": "5"}

#: The failures that :func:`problem_of` knows.
FAILURES: tuple[type[Exception], ...] = (
    HubSpotError,
    BulkheadFullError,
    FlightTimeoutError,
    StoreError,
    TimelineNotSyncedError,
)


def _hubspot_problem(failure: HubSpotError) -> Problem:
    match failure:
        case Unauthorised():
            return Problem(502, "HubSpot refuses our access token.")
        case Forbidden():
            scopes = ", ".join(failure.scopes) or "unknown"
            return Problem(502, f"HubSpot refuses the call; scopes that our access token lacks: {scopes}.")
        case RateLimited():
            seconds = str(max(1, math.ceil(failure.retry_after)))
            detail = f"HubSpot limits our calls; try again in {seconds} s."
            return Problem(503, detail, headers={"Retry-After": seconds})
        case WrongAccount():
            return Problem(502, f"{failure.reason}.")
        case TimedOut():
            return Problem(504, "HubSpot did not answer in time.", headers=LATER)
        case Unavailable():
            return Problem(502, "HubSpot is not available.", headers=LATER)
        case _:
            return Problem(502, "HubSpot gave an answer that cannot be used.")


def problem_of(failure: Exception) -> Problem:
    """Return the problem for one of :data:`FAILURES`."""
    match failure:
        case HubSpotError():
            return _hubspot_problem(failure)
        case BulkheadFullError():
            return Problem(503, f"{failure}; try again shortly.", headers={"Retry-After": "1"})
        case FlightTimeoutError():
            return Problem(504, "HubSpot did not answer in time.", headers=LATER)
        case TimelineNotSyncedError():
            return Problem(404, f"MongoDB knows the deal, but {failure}.")
        case SumsMissingError():
            return Problem(503, "The activities of all deals are being added up; try again shortly.", headers=LATER)
        case StoreUnavailable():
            return Problem(503, "MongoDB does not answer.", headers=LATER)
        case _:
            return Problem(503, "MongoDB refuses the operation, or holds what cannot be used.", headers=LATER)
