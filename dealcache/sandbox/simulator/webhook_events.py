"""HubSpot's webhook events: one payload for each change.

Source: HubSpot, webhooks guide (classic events of deals, contacts and companies) and the guide of generic
subscriptions (``object.*`` with an ``objectTypeId``, for activities).
"""

from __future__ import annotations

from typing import Any

from dealcache.sandbox.simulator.association_types import HUBSPOT_DEFINED, default_association
from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.changes import Change
from dealcache.sandbox.simulator.object_types import COMPANIES, CONTACTS, DEALS, ObjectType, object_type_of
from dealcache.sandbox.simulator.stage_properties import is_stage_property

Event = dict[str, Any]

#: The app that subscribed to the events.
APP_ID = 39_522_895

# There is a subscription for each sort of event; of property changes one for each property, which is not shown here.
_SUBSCRIPTION_IDS = {
    "creation": 6_547_118,
    "deletion": 6_547_119,
    "restore": 6_547_120,
    "merge": 6_547_121,
    "associationChange": 6_547_122,
    "propertyChange": 6_547_123,
    "privacyDeletion": 6_547_124,
}
# The types that have classic events; all others have generic ones.
_CLASSIC = (DEALS, CONTACTS, COMPANIES)
_FLAGS = {"creation": "CREATED", "deletion": "DELETED"}

# Nobody subscribes to a date that moves with every change, or to those of stages; the others cannot be subscribed to
# (generic guide).
_UNSUBSCRIBED = frozenset(
    {
        "hs_lastmodifieddate",
        "lastmodifieddate",
        "hs_body_preview",
        "hs_email_html",
        "hs_email_subject",
        "hs_communication_body",
    }
)


def event_of(change: Change, event_id: int, portal_id: int) -> Event | None:
    """The event that HubSpot sends for a change at the first attempt, None if it sends none.

    Args:
        change: what happened.
        event_id: becomes ``eventId``.
        portal_id: the account that the event comes from.
    """
    if change.name in _UNSUBSCRIBED or is_stage_property(change.name):
        return None
    kind = object_type_of(change.record.type)
    event: Event = {
        "eventId": event_id,
        "subscriptionId": _SUBSCRIPTION_IDS[change.what],
        "portalId": portal_id,
        "appId": APP_ID,
        "occurredAt": change.at,
        "subscriptionType": f"{kind.singular if kind in _CLASSIC else 'object'}.{change.what}",
        "attemptNumber": 0,
        "changeSource": "INTEGRATION",
        "sourceId": str(APP_ID),
    }
    if kind not in _CLASSIC:
        event["objectTypeId"] = kind.type_id
    return event | _details(change, kind)


def _details(change: Change, kind: ObjectType) -> Event:
    if change.other is not None and change.what == "associationChange":
        return _association(change, kind, change.other)
    details: Event = {"objectId": change.record.id}
    if change.what in _FLAGS:
        details["changeFlag"] = _FLAGS[change.what]
    if change.what == "propertyChange":
        details |= {"propertyName": change.name, "propertyValue": change.value or ""}
        if kind not in _CLASSIC:
            details["isSensitive"] = False
    if change.other is not None:
        details |= {
            "primaryObjectId": change.record.id,
            "mergedObjectIds": [change.other.id],
            "newObjectId": change.successor,
            "numberOfPropertiesMoved": change.moved,
        }
    return details


def _association(change: Change, kind: ObjectType, other: End) -> Event:
    """The event has no ``objectId``; generic ones tell the types at both ends on top."""
    to_kind = object_type_of(other.type)
    details: Event = {
        "associationType": f"{kind.singular}_to_{to_kind.singular}".upper(),
        "fromObjectId": change.record.id,
        "toObjectId": other.id,
        "associationRemoved": change.removed,
        "isPrimaryAssociation": False,
    }
    if kind not in _CLASSIC:
        details |= {
            "fromObjectTypeId": kind.type_id,
            "toObjectTypeId": to_kind.type_id,
            "associationCategory": HUBSPOT_DEFINED,
            "associationTypeId": default_association(kind.name, to_kind.name),
        }
    return details
