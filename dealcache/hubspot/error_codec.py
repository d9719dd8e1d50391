"""Failures as plain values, so that one process can share with others how its call ended.

A decoded failure has the class and the text of the encoded one. The deals of a :class:`NotFound` are left out: they are
of no use outside the load that met it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dealcache.hubspot.errors import AnswerTooLarge, HubSpotError, WrongAccount

_KINDS = {kind.__name__: kind for kind in (*HubSpotError.__subclasses__(), AnswerTooLarge)}

#: The fields of a NotFound that no other process is told.
_LEFT_OUT = ("renamed", "missing_ids")


def encode_error(failure: HubSpotError) -> dict[str, Any]:
    """Return ``failure`` in values that JSON and BSON can hold."""
    return {"kind": type(failure).__name__} | {name: getattr(failure, name) for name in _names(type(failure))}


def decode_error(values: Mapping[str, Any]) -> HubSpotError | None:
    """Return the failure that :func:`encode_error` encoded.

    None if it concerns only the process that met it, or is incomplete because another release encoded it.
    """
    try:
        # A kind that only another release knows is still a failure of HubSpot.
        kind = _KINDS.get(values["kind"], HubSpotError)
        details = {name: values[name] for name in _names(kind)}
    except KeyError:
        return None
    # The token of the process that met it is not that of the others.
    return None if kind is WrongAccount else kind(**details)


def _names(kind: type[HubSpotError]) -> list[str]:
    return [one.name for one in fields(kind) if one.name not in _LEFT_OUT]
