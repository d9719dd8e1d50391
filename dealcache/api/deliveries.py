"""Parses webhook deliveries: from HubSpot's JSON to events about deals and their activities. Pure.

Source: HubSpot's guides "Webhooks" (classic events, ``deal.…``) and "Generic webhook subscriptions" (``object.…``, with
an ``objectTypeId``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeGuard

import orjson

from dealcache.model.jobs import WebhookEvent
from dealcache.model.timestamps import parse_timestamp

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

#: Likewise of people, which only matter where their names are wanted.
_PEOPLE = {"contact": "contacts", "0-1": "contacts", "company": "companies", "0-2": "companies"}
_WITH_PEOPLE = _TYPES | _PEOPLE

_KINDS = frozenset(
    {"creation", "deletion", "privacyDeletion", "merge", "restore", "propertyChange", "associationChange"}
)

_MOST_DIGITS = 20
_ID = re.compile(rf"[0-9]{{1,{_MOST_DIGITS}}}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Delivery(NamedTuple):
    """The events of a delivery; ``malformed`` counts invalid ones."""

    events: list[WebhookEvent]
    malformed: int


class _MalformedEventError(ValueError):
    """An event lacks a required field."""


def of_account(events: Iterable[Any], portal_id: int) -> list[Any]:
    """Return the events of a HubSpot account, and those that name no account."""
    return [
        event
        for event in events
        if not isinstance(event, dict) or event.get("portalId") is None or str(event["portalId"]) == str(portal_id)
    ]


def events_in(body: bytes, most: int) -> list[Any] | None:
    """Return the array of a delivery; None if the body is not one, or has more events than ``most``.

    An event with a text that ends within a character, or with an enormous number, does not affect the others: JSON
    allows both, and the standard library's parser reads them.
    """
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            events = json.loads(body, parse_int=_whole)
        except (ValueError, RecursionError):
            return None
    return events if isinstance(events, list) and len(events) <= most else None


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def parse_events(events: Iterable[Any], *, people: bool = False) -> Delivery:
    """Return the events about deals and activities, in their order; those about other records are left out.

    Args:
        events: those of a delivery.
        people: True if events about contacts and companies are wanted too.
    """
    types = _WITH_PEOPLE if people else _TYPES
    parsed, malformed = [], 0
    for event in events:
        try:
            found = _parsed(event, types)
        except _MalformedEventError:
            malformed += 1
            continue
        if found is not None:
            parsed.append(found)
    return Delivery(parsed, malformed)


def _parsed(event: Any, types: Mapping[str, str]) -> WebhookEvent | None:
    if not isinstance(event, dict):
        raise _MalformedEventError
    name = event.get("subscriptionType") or event.get("eventType")
    if not isinstance(name, str):
        raise _MalformedEventError
    prefix, _, kind = name.partition(".")
    if kind not in _KINDS:
        return None
    object_type = types.get(_text(event, "objectTypeId") if prefix == "object" else prefix)
    if kind == "associationChange":
        return _association(event, object_type, types)
    if object_type is None:
        return None
    object_id = _first_id(event, "objectId", "primaryObjectId")
    if kind == "merge":
        return _merge(event, object_type, object_id)
    return WebhookEvent(_key(event, kind, object_type, object_id), kind, object_type, object_id, _moment(event))


def _merge(event: Event, object_type: str, object_id: str) -> WebhookEvent:
    merged = event.get("mergedObjectIds") or []
    if not isinstance(merged, list):
        raise _MalformedEventError
    ids = {_id(one) for one in (*merged, event.get("primaryObjectId", object_id))} - {object_id}
    new_id = None if event.get("newObjectId") is None else _id(event["newObjectId"])
    ordered = tuple(sorted(ids, key=int))
    key = _key(event, "merge", object_type, object_id, new_id, *ordered)
    return WebhookEvent(key, "merge", object_type, object_id, _moment(event), new_id=new_id, merged_ids=ordered)


def _association(event: Event, object_type: str | None, types: Mapping[str, str]) -> WebhookEvent | None:
    """Return the event of an association between a deal and an activity, seen from the deal; None for other pairs.

    Where people are wanted, one with a person is an event of the deal or the activity.
    """
    from_type, to_type = _end_types(event, object_type, types)
    if from_type is None or to_type is None or _rank(from_type) == _rank(to_type):
        return None
    ends = ((from_type, "fromObjectId"), (to_type, "toObjectId"))
    (record, field), (other, other_field) = sorted(ends, key=lambda end: _rank(end[0]))
    record_id, other_id = _first_id(event, field), _first_id(event, other_field)
    removed = str(event.get("associationRemoved", ""))
    key = _key(event, "associationChange", record, record_id, other, other_id, removed)
    seen = WebhookEvent(key, "associationChange", record, record_id, _moment(event))
    return seen if other in _PEOPLE.values() else replace(seen, other_type=other, other_id=other_id)


def _rank(object_type: str) -> int:
    """Return the place of a type among those of an association's ends: deals, activities, people."""
    return 0 if object_type == _DEALS else 2 if object_type in _PEOPLE.values() else 1


def _end_types(event: Event, object_type: str | None, types: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the types at both ends, from their own fields or else from a name like ``DEAL_TO_NOTE``."""
    from_word, _, to_word = _text(event, "associationType").lower().partition("_to_")
    from_type = types.get(_text(event, "fromObjectTypeId")) or (types.get(from_word) if from_word else object_type)
    return from_type, types.get(_text(event, "toObjectTypeId")) or types.get(to_word)


def _key(event: Event, *what: str | None) -> str:
    """Return a key that only repetitions of an event share, whatever their ``eventId`` and ``attemptNumber``.

    Events without a time are distinguished by their ``eventId``.
    """
    when = event.get("occurredAt")
    told_by = when if _is_number(when) else ["eventId", event.get("eventId")]
    named = [event.get("portalId"), event.get("subscriptionId"), event.get("propertyName"), told_by]
    try:
        return hashlib.blake2b(orjson.dumps([named, what]), digest_size=16).hexdigest()
    except TypeError:  # nested too deep, or not a possible text
        raise _MalformedEventError from None


def _moment(event: Event) -> datetime:
    """Return when it happened; without a time only its record matters, which may have changed."""
    value = event.get("occurredAt")
    return (parse_timestamp(value) if _is_number(value) else None) or _EPOCH


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
