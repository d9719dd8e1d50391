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

#: What failures of some kinds have besides.
_MORE = {Forbidden: ("scopes",), RateLimited: ("retry_after", "daily")}

#: All but WrongAccount: the token of the process that met it is not that of the others.
_KINDS: Mapping[str, type[HubSpotError]] = {
    kind.__name__: kind
    for kind in (*_MORE, Unauthorised, NotFound, Unavailable, TimedOut, MalformedAnswer, AnswerTooLarge, Rejected)
}


def encode_error(failure: HubSpotError) -> dict[str, Any]:
    """Return ``failure`` in values that JSON and BSON can hold."""
    names = (*_DETAILS, *_MORE.get(type(failure), ()))
    return {"kind": type(failure).__name__, "reason": failure.reason} | {name: getattr(failure, name) for name in names}


def decode_error(values: Mapping[str, Any]) -> HubSpotError | None:
    """Return the failure that :func:`encode_error` encoded.

    None if it concerns only the process that met it, or is incomplete because another release encoded it.
    """
    try:
        # A kind that only another release knows is still a failure of HubSpot.
        kind = _KINDS.get(values["kind"], HubSpotError)
        details = {name: values[name] for name in (*_DETAILS, *_MORE.get(kind, ()))}
        return None if values["kind"] == "WrongAccount" else kind(values["reason"], **details)
    except KeyError:
        return None
