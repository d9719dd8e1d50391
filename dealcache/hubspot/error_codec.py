"""Failures as plain values, so that one process can share with others how its call ended.

A decoded failure has the class and the text of the encoded one. The deals of a :class:`NotFound` are left out: they are
of no use outside the load that met it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dealcache.hubspot.errors import (
    AnswerTooLarge,
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorised,
    Unavailable,
)

_DETAILS = ("endpoint", "status", "category", "correlation_id")
_PLAIN = {
    kind.__name__: kind
    for kind in (Unauthorised, NotFound, Unavailable, TimedOut, MalformedAnswer, AnswerTooLarge, Rejected)
}


def encode_error(failure: HubSpotError) -> dict[str, Any]:
    """Return ``failure`` in values that JSON and BSON can hold."""
    values: dict[str, Any] = {"kind": type(failure).__name__, "reason": failure.reason}
    values |= {name: getattr(failure, name) for name in _DETAILS}
    match failure:
        case Forbidden():
            values["scopes"] = list(failure.scopes)
        case RateLimited():
            values |= {"retry_after": failure.retry_after, "daily": failure.daily}
    return values


def decode_error(values: Mapping[str, Any]) -> HubSpotError | None:
    """Return the failure that :func:`encode_error` encoded.

    None if it concerns only the process that met it, or is incomplete because another release encoded it.
    """
    try:
        reason, details = values["reason"], {name: values[name] for name in _DETAILS}
        match values["kind"]:
            case "Forbidden":
                return Forbidden(reason, scopes=tuple(values["scopes"]), **details)
            case "RateLimited":
                return RateLimited(reason, retry_after=values["retry_after"], daily=values["daily"], **details)
            case "WrongAccount":
                # The token of the process that met it is not that of the others.
                return None
            case kind:
                # A kind that only another release knows is still a failure of HubSpot.
                return _PLAIN.get(kind, HubSpotError)(reason, **details)
    except KeyError:
        return None
