"""The versions of a test deal: how a change makes one, and how an answer shows which one it is. Pure.

A test deal starts at version 0 with a single meeting, the marker. A change takes it to the next version in one step of
which nobody can see half in HubSpot: the amount becomes the version, the marker is renamed after it, and an activity
named after it is added. So each of the three views tells a version by itself, the timeline tells also when one of the
changes before was lost, and a view that was made of parts of two versions counts as the older one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from dealcache.sandbox.simulator.site import PORTAL_ID
from tests.soak.poison import BODY_OF, body_for

#: The path of each view below ``/api/hubspot`` and ``/api/hubspot/v2``, by the name that a batch knows it by.
VIEWS: Mapping[str, str] = {
    "info": "deal-info",
    "activities_count": "deal-activities-count",
    "timeline": "deal-timeline",
}

#: The types of added activities by turns, each with the property that becomes the event's subject, and its type id.
_ADDED_TYPES = (
    ("calls", "hs_call_title", "0-48"),
    ("tasks", "hs_task_subject", "0-27"),
    ("meetings", "hs_meeting_title", "0-47"),
    ("emails", "hs_email_subject", "0-49"),
)
_MARKER_TYPE, _MARKER_TITLE, _MARKER_TYPE_ID = "meetings", "hs_meeting_title", "0-47"
_MARKER, _ADDED = "marker ", "added "

Change = dict[str, Any]


class MisshapenError(Exception):
    """An answer is not what the contract says it is."""


class Shown(NamedTuple):
    """The versions that a view is made of; ``oldest`` is the one that a reader can rely on."""

    oldest: int
    newest: int


class Specimen(NamedTuple):
    """A test deal: only the soak changes it."""

    deal_id: str
    name: str
    marker_id: str


def first_version(name: str) -> Change:
    """Return what makes a test deal; its marker is added by :func:`marker_of`."""
    return {"do": "add_deal", "name": name, "properties": {"amount": "0", "closedate": "9999-12-31T23:59:59Z"}}


def marker_of(deal_id: str) -> Change:
    """Return what adds the marker to a deal that has just been made."""
    properties = {_MARKER_TITLE: f"{_MARKER}0"}
    return {"do": "add_activity", "object_type": _MARKER_TYPE, "properties": properties, "deals": [deal_id]}


def next_version(deal: Specimen, version: int) -> list[Change]:
    """Return what takes a deal to ``version``, in one step; the last change is the added activity."""
    kind, title, _ = _ADDED_TYPES[version % len(_ADDED_TYPES)]
    amount, marker = {"amount": str(version)}, {_MARKER_TITLE: f"{_MARKER}{version}"}
    return [
        {"do": "update", "object_type": "deals", "record_id": deal.deal_id, "properties": amount},
        {"do": "update", "object_type": _MARKER_TYPE, "record_id": deal.marker_id, "properties": marker},
        {
            "do": "add_activity",
            "object_type": kind,
            "properties": {title: f"{_ADDED}{version}", BODY_OF[kind]: body_for(version)},
            "deals": [deal.deal_id],
        },
    ]


def events_of(deal: Specimen, version: int, added_id: str, at: float) -> list[dict[str, Any]]:
    """Return what HubSpot's webhooks tell of the change to ``version``.

    Args:
        deal: the deal that changed.
        version: what it has become.
        added_id: the activity that was added.
        at: when, in epoch seconds.
    """
    _, _, type_id = _ADDED_TYPES[version % len(_ADDED_TYPES)]
    common = {"portalId": PORTAL_ID, "appId": 2, "occurredAt": int(at * 1000), "attemptNumber": 0}
    named = [
        {"subscriptionType": "deal.propertyChange", "objectId": int(deal.deal_id), "propertyName": "amount"},
        {
            "subscriptionType": "object.propertyChange",
            "objectTypeId": _MARKER_TYPE_ID,
            "objectId": int(deal.marker_id),
            "propertyName": _MARKER_TITLE,
        },
        {"subscriptionType": "object.creation", "objectTypeId": type_id, "objectId": int(added_id)},
    ]
    return [
        common | {"eventId": version * 10 + place, "subscriptionId": place} | one for place, one in enumerate(named)
    ]


def shown_by(view: str, body: Any) -> Shown:
    """The versions that the body of an answer shows.

    Args:
        view: a key of :data:`VIEWS`.
        body: the decoded body.

    Raises:
        MisshapenError: it is not the body of that view of a test deal.
    """
    try:
        return _READERS[view](body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MisshapenError(f"{view}: {type(error).__name__}: {error}; {str(body)[:300]}") from error


def _in_info(body: Mapping[str, Any]) -> Shown:
    amount, added = int(body["amount"]), body["activityCount"] - 1
    return Shown(min(amount, added), max(amount, added))


def _in_count(body: Mapping[str, Any]) -> Shown:
    if sum(body["by_type"].values()) != body["count"]:
        raise ValueError("the types do not add up to the count")
    return Shown(body["count"] - 1, body["count"] - 1)


def _in_timeline(body: Mapping[str, Any]) -> Shown:
    subjects: Sequence[str] = [event["subject"] for event in body["events"]]
    (marker,) = (int(one.removeprefix(_MARKER)) for one in subjects if one.startswith(_MARKER))
    added = {int(one.removeprefix(_ADDED)) for one in subjects if not one.startswith(_MARKER)}
    if len(added) != len(subjects) - 1:
        raise ValueError("an event is there twice")
    unbroken = next(version for version in count() if version + 1 not in added)
    return Shown(min(marker, unbroken), max(marker, *added, 0))


def annotation_in(timeline: Mapping[str, Any]) -> int | None:
    """Return what another system wrote beside the marker last, as a timeline shows it; None when it shows none."""
    marker = next(event for event in timeline["events"] if event["subject"].startswith(_MARKER))
    return int(marker["sentiment"]) if "sentiment" in marker else None


_READERS: Mapping[str, Callable[[Any], Shown]] = {
    "info": _in_info,
    "activities_count": _in_count,
    "timeline": _in_timeline,
}
