"""Failures as plain values, so that one process can tell another how its call ended.

A failure that is told again is of the same class and says the same. What a :class:`NotFound` knows of deals is left
out: nobody outside the load that met it has a use for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dealcache.hubspot.errors import (
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
_PLAIN = {kind.__name__: kind for kind in (Unauthorised, NotFound, Unavailable, TimedOut, MalformedAnswer, Rejected)}


def tell(failure: HubSpotError) -> dict[str, Any]:
    """``failure`` in values that JSON and BSON can hold."""
    told: dict[str, Any] = {"kind": type(failure).__name__, "reason": failure.reason}
    told |= {name: getattr(failure, name) for name in _DETAILS}
    match failure:
        case Forbidden():
            told["scopes"] = list(failure.scopes)
        case RateLimited():
            told |= {"retry_after": failure.retry_after, "daily": failure.daily}
    return told


def retell(told: Mapping[str, Any]) -> HubSpotError | None:
    """The failure that :func:`tell` told of; None when something is missing, as another release may tell it."""
    try:
        reason, details = told["reason"], {name: told[name] for name in _DETAILS}
        match told["kind"]:
            case "Forbidden":
                return Forbidden(reason, scopes=tuple(told["scopes"]), **details)
            case "RateLimited":
                return RateLimited(reason, retry_after=told["retry_after"], daily=told["daily"], **details)
            case kind:
                # A kind that only another release knows is still a failure of HubSpot.
                return _PLAIN.get(kind, HubSpotError)(reason, **details)
    except KeyError:
        return None
