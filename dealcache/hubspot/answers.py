"""Interprets an answer of HubSpot: the JSON of a good one, a typed error for every other.

Pure: status, headers and body in, JSON or an exception out. Sources: HubSpot's pages "Error handling" (envelope,
statuses) and "API usage guidelines" (limits). Every field of an error's envelope is optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from dealcache.hubspot.errors import (
    Details,
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorised,
    Unavailable,
)
from dealcache.hubspot.lenient_json import parse_leniently
from dealcache.hubspot.limits.buckets import Bucket

#: Seconds to wait after a 429 without ``Retry-After``: one period of the limit that was exceeded.
_PERIODS = {Bucket.SEARCH: 1.0, Bucket.APP: 10.0, Bucket.ASSOCIATIONS: 10.0}

#: The daily limit ends at midnight in the account's time zone, which is not known here: ask again every hour.
_DAILY_WAIT = 3600.0

#: Seconds to wait after a 477 without ``Retry-After``: moving an account takes minutes at least.
_MOVING_WAIT = 60.0

# What may be repeated in a message. All that HubSpot sends is narrower; a token echoed by some proxy does not fit.
_CATEGORY = re.compile(r"[A-Z][A-Z_]{1,63}\Z")
_CORRELATION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_SCOPE = re.compile(r"[a-z][a-z_-]*(?:\.[a-z_-]+)*\Z")
_MOST_SCOPES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as received; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def interpret(answer: Answer, endpoint: str, bucket: Bucket) -> dict[str, Any]:
    """Return the JSON object of a good answer, 207 among them.

    Args:
        answer: what HubSpot sent.
        endpoint: the label of the call, for messages.
        bucket: the limit that the call counts towards: its period is the wait after a bare 429.

    Raises:
        HubSpotError: for any other answer, the class according to the status.
    """
    if not 200 <= answer.status < 300:
        raise _failure(answer, endpoint, bucket)
    if not answer.body:
        # The rest of an answer whose connection broke within its head; no read of ours has an empty answer.
        raise Unavailable("the answer was cut short", endpoint=endpoint)
    parsed = _parsed(answer.body)
    if not isinstance(parsed, dict):
        raise MalformedAnswer("the answer is not a JSON object", endpoint=endpoint, status=answer.status)
    return parsed


def _failure(answer: Answer, endpoint: str, bucket: Bucket) -> HubSpotError:
    parsed = _parsed(answer.body)
    envelope = parsed if isinstance(parsed, dict) else {}  # it may be a proxy's HTML page
    details = _details(answer, envelope, endpoint)
    match answer.status:
        case 401:
            return Unauthorised("HubSpot does not accept the access token", **details)
        case 403:
            return Forbidden("the access token lacks a right", scopes=_scopes(envelope), **details)
        case 404:
            return NotFound("HubSpot has no such record or path", **details)
        case 429:
            return _rate_limited(answer, envelope, bucket, details)
        case 477:
            wait = _retry_after(answer, _MOVING_WAIT)
            return RateLimited("the account is being moved between data centres", retry_after=wait, **details)
        case 408 | 425:
            return Unavailable("HubSpot did not take the request in time", **details)
        case 423:
            return Unavailable("the record is locked", **details)
        case status if status >= 500:
            return Unavailable("HubSpot failed", **details)
        case status if status >= 400:
            return Rejected("HubSpot rejected the request", **details)
    return MalformedAnswer("an answer of an unexpected kind", **details)


def _rate_limited(answer: Answer, envelope: Mapping[str, Any], bucket: Bucket, details: Details) -> RateLimited:
    message = envelope.get("message")
    daily = envelope.get("policyName") == "DAILY" or (
        # Older answers name the limit in the message alone.
        isinstance(message, str) and "daily limit" in message
    )
    wait = _retry_after(answer, _DAILY_WAIT if daily else _PERIODS[bucket])
    reason = "HubSpot's limit of the day is reached" if daily else "HubSpot's rate limit is reached"
    return RateLimited(reason, retry_after=wait, daily=daily, **details)


def _retry_after(answer: Answer, otherwise: float) -> float:
    """Return the seconds of ``Retry-After``; HubSpot sends no dates there, and anything but a number counts as none."""
    value = answer.headers.get("retry-after", "").strip()
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII) else otherwise


def _details(answer: Answer, envelope: Mapping[str, Any], endpoint: str) -> Details:
    correlation_id = envelope.get("correlationId") or answer.headers.get("x-hubspot-correlation-id")
    return {
        "endpoint": endpoint,
        "status": answer.status,
        "category": _matching(_CATEGORY, envelope.get("category")),
        "correlation_id": _matching(_CORRELATION_ID, correlation_id),
    }


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.match(value) else None


def _scopes(envelope: Mapping[str, Any]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    errors = envelope.get("errors")
    for error in errors if isinstance(errors, list) else []:
        context = error.get("context") if isinstance(error, dict) else None
        scopes = context.get("requiredGranularScopes") if isinstance(context, dict) else None
        for scope in scopes if isinstance(scopes, list) else []:
            if name := _matching(_SCOPE, scope):
                found[name] = None
    return tuple(found)[:_MOST_SCOPES]


def _parsed(body: bytes) -> object:
    """Return the JSON value of ``body``, None if it is not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return parse_leniently(body)
