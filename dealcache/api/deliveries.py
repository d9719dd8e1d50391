"""Takes webhook deliveries apart: from HubSpot's events to hints about deals and their activities. Pure.

Source: HubSpot's guides "Webhooks" (classic events, ``deal.…``) and "Generic webhook subscriptions" (``object.…``, with
an ``objectTypeId``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from dealcache.hints import Hint

Event = Mapping[str, Any]

_DEALS = "deals"

#: Our name of each object type by the names that events have for it.
_TYPES = {
    alias: name
    for name, aliases in {
        _DEALS: ("deal", "0-3"),
        "calls": ("call", "0-48"),
        "emails": ("email", "0-49"),
        "meetings": ("meeting", "meeting_event", "0-47"),
        "notes": ("note", "0-46"),
        "tasks": ("task", "0-27"),
        "communications": ("communication", "0-18"),
        "postal_mail": ("postal_mail", "0-116"),
    }.items()
    for alias in aliases
}

_KINDS = frozenset({"creation", "deletion", "merge", "restore", "propertyChange", "associationChange"})

_ID = re.compile(r"[0-9]{1,20}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Delivery(NamedTuple):
    """What an array of events comes to; ``malformed`` counts those that make no sense."""

    hints: list[Hint]
    malformed: int


class _MalformedEventError(ValueError):
    """An event lacks what it must have."""


def hints_of(events: Iterable[Any]) -> Delivery:
    """The hints about deals and activities, in the order of the events; those about other records are left out.

    Args:
        events: the array of a delivery.
    """
    hints, malformed = [], 0
    for event in events:
        try:
            hint = _hint(event)
        except _MalformedEventError:
            malformed += 1
            continue
        if hint is not None:
            hints.append(hint)
    return Delivery(hints, malformed)


def _hint(event: Any) -> Hint | None:
    if not isinstance(event, dict):
        raise _MalformedEventError
    name = event.get("subscriptionType") or event.get("eventType")
    if not isinstance(name, str):
        raise _MalformedEventError
    prefix, _, kind = name.partition(".")
    if kind not in _KINDS:
        return None
    object_type = _TYPES.get(_text(event, "objectTypeId") if prefix == "object" else prefix)
    if kind == "associationChange":
        return _association(event, object_type)
    if object_type is None:
        return None
    object_id = _first_id(event, "objectId", "primaryObjectId")
    if kind == "merge":
        return _merge(event, object_type, object_id)
    return Hint(_key(event, kind, object_type, object_id), kind, object_type, object_id, _moment(event))


def _merge(event: Event, object_type: str, object_id: str) -> Hint:
    merged = event.get("mergedObjectIds") or []
    if not isinstance(merged, list):
        raise _MalformedEventError
    ids = {_id(one) for one in (*merged, event.get("primaryObjectId", object_id))} - {object_id}
    new_id = None if event.get("newObjectId") is None else _id(event["newObjectId"])
    ordered = tuple(sorted(ids, key=int))
    key = _key(event, "merge", object_type, object_id, new_id, *ordered)
    return Hint(key, "merge", object_type, object_id, _moment(event), new_id=new_id, merged_ids=ordered)


def _association(event: Event, object_type: str | None) -> Hint | None:
    """The hint about a deal and an activity that were joined or parted, seen from the deal; None for other pairs."""
    from_type, to_type = _end_types(event, object_type)
    ends = [(from_type, "fromObjectId"), (to_type, "toObjectId")]
    if from_type != _DEALS:
        ends.reverse()
    (deals, deal_field), (activities, activity_field) = ends
    if deals != _DEALS or activities is None or activities == _DEALS:
        return None
    deal_id, activity_id = _first_id(event, deal_field), _first_id(event, activity_field)
    removed = str(event.get("associationRemoved", ""))
    key = _key(event, "associationChange", deals, deal_id, activities, activity_id, removed)
    moment = _moment(event)
    return Hint(key, "associationChange", deals, deal_id, moment, other_type=activities, other_id=activity_id)


def _end_types(event: Event, object_type: str | None) -> tuple[str | None, str | None]:
    """The types at both ends: of what says so itself, else of words like ``DEAL_TO_NOTE``."""
    from_word, _, to_word = _text(event, "associationType").lower().partition("_to_")
    from_type = _TYPES.get(_text(event, "fromObjectTypeId")) or (_TYPES.get(from_word) if from_word else object_type)
    return from_type, _TYPES.get(_text(event, "toObjectTypeId")) or _TYPES.get(to_word)


def _key(event: Event, *what: str | None) -> str:
    """Equal for one event that comes twice, with whatever ``eventId`` and ``attemptNumber``, and for no others."""
    named = [event.get("portalId"), event.get("subscriptionId"), event.get("propertyName"), event.get("occurredAt")]
    return hashlib.blake2b(orjson.dumps([named, what]), digest_size=16).hexdigest()


def _moment(event: Event) -> datetime:
    value = event.get("occurredAt")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _MalformedEventError
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        raise _MalformedEventError from None


def _first_id(event: Event, *names: str) -> str:
    return _id(next((event[name] for name in names if event.get(name) is not None), None))


def _id(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or not _ID.fullmatch(text):
        raise _MalformedEventError
    return text


def _text(event: Event, name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""
