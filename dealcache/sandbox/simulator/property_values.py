"""Checks and storage of written property values: everything is a string or null, as in HubSpot's JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from dealcache.sandbox.simulator.currencies import IN_HOME_CURRENCY
from dealcache.sandbox.simulator.object_types import DEALS, ObjectType, PropertyKind
from dealcache.sandbox.simulator.timestamps import to_iso, to_milliseconds

READ_ONLY = frozenset(
    {
        *("hs_object_id", "hs_createdate", "hs_lastmodifieddate", "lastmodifieddate", "hs_merged_object_ids"),
        IN_HOME_CURRENCY,
    }
)

#: Length of ``hs_body_preview``; the true one is not documented.
PREVIEW_LENGTH = 512

_TAG = re.compile(r"<[^>]*>")


class Problem(NamedTuple):
    """One property that cannot be written: its name, HubSpot's error code and a sentence."""

    name: str
    code: str
    message: str


class InvalidProperties(ValueError):  # noqa: N818 - named as HubSpot's message names it
    """A write names unknown or read-only properties, or values of the wrong kind; ``problems`` lists them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(", ".join(problem.message for problem in problems))
        self.problems = problems


def check_properties(kinds: Mapping[str, PropertyKind], raw: Mapping[str, Any]) -> dict[str, str | None]:
    """Turns the properties of a client's write into stored values.

    An empty string clears a property, so it is stored, and later read, as null.

    Args:
        kinds: the properties that the object type has, by name.
        raw: the written values.

    Raises:
        InvalidProperties: at least one of them cannot be written.
    """
    stored: dict[str, str | None] = {}
    problems: list[Problem] = []
    for name, value in raw.items():
        problem = _name_problem(kinds, name)
        if problem:
            problems.append(problem)
            continue
        try:
            stored[name] = _stored(kinds[name], value)
        except ValueError:
            problems.append(Problem(name, "INVALID_VALUE", f'"{value}" is not a valid value of "{name}"'))
    if problems:
        raise InvalidProperties(problems)
    return stored


def derive_properties(
    kind: ObjectType, properties: Mapping[str, str | None], stages: Callable[[], Mapping[str, tuple[str, str]]]
) -> dict[str, str | None]:
    """The properties that HubSpot works out by itself from others.

    Args:
        kind: the record's object type.
        properties: the record's other properties.
        stages: gives, per deal stage id, its ``isClosed`` and ``probability``, both as written in pipelines' JSON.

    Returns:
        Whether a deal is closed, won and lost; the preview of an activity's body without its HTML tags.
    """
    if kind is DEALS:
        closed, probability = stages().get(properties.get("dealstage") or "", ("false", ""))
        won = closed == "true" and probability == "1.0"
        lost = closed == "true" and probability == "0.0"
        flags = {"hs_is_closed": closed == "true", "hs_is_closed_won": won, "hs_is_closed_lost": lost}
        return {name: "true" if flag else "false" for name, flag in flags.items()}
    body = properties.get(kind.body) if kind.body else None
    if not body:
        return {}
    return {"hs_body_preview": _preview(body)}


# Big demo accounts have many equal bodies; their previews are then one object.
@lru_cache(maxsize=20_000)
def _preview(body: str) -> str:
    return _TAG.sub("", body)[:PREVIEW_LENGTH]


def _name_problem(kinds: Mapping[str, PropertyKind], name: str) -> Problem | None:
    if name not in kinds:
        return Problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if name in READ_ONLY:
        return Problem(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    return None


def _stored(kind: PropertyKind, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if kind == "datetime":
        return to_iso(to_milliseconds(text))
    if kind == "date":
        return to_iso(to_milliseconds(text))[:10]
    if kind == "number":
        float(text)
    return text
