"""Errors as problem+json (RFC 9457), with the two fields of our own: ``request_id``, and ``error`` for the UI.

Also the problems for the failures of the read path: statuses and ``Retry-After``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

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

CONTENT_TYPE = "application/problem+json"

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


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as a client sees it.

    Args:
        status: the HTTP status.
        detail: one sentence for a person; never holds a token, a connection string or a stack trace.
        errors: for 422, what is wrong field by field.
        headers: further response headers, such as ``Retry-After``.
    """

    status: int
    detail: str
    errors: Mapping[str, list[str]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def body(self, request_id: str) -> bytes:
        """The problem+json body."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            "error": self.detail,
        }
        if self.errors is not None:
            members["errors"] = self.errors
        return orjson.dumps(members)


def invalid(errors: Mapping[str, list[str]]) -> Problem:
    """Return the 422 for invalid parameters; its detail names the fields."""
    detail = "; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items())
    return Problem(422, detail, errors=errors)


def problem_of(failure: Exception) -> Problem:
    """Return the problem for one of :data:`FAILURES`."""
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
        case TimedOut() | FlightTimeoutError():
            return Problem(504, "HubSpot did not answer in time.", headers=LATER)
        case Unavailable():
            return Problem(502, "HubSpot is not available.", headers=LATER)
        case HubSpotError():
            return Problem(502, "HubSpot gave an answer that cannot be used.")
        case BulkheadFullError():
            return Problem(503, f"{failure}; try again shortly.", headers={"Retry-After": "1"})
        case TimelineNotSyncedError():
            return Problem(404, f"MongoDB knows the deal, but {failure}.")
        case SumsMissingError():
            return Problem(503, "The activities of all deals are being added up; try again shortly.", headers=LATER)
        case StoreUnavailable():
            return Problem(503, "MongoDB does not answer.", headers=LATER)
        case _:
            return Problem(503, "MongoDB refuses the operation, or holds what cannot be used.", headers=LATER)
