"""The properties of HubSpot that hold the title, the text and the time of each type of activity.

Source: HubSpot's guides "Calls", "Emails", "Meetings", "Notes", "Tasks", "Communications" and "Postal mail".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ActivityType:
    """Maps one of HubSpot's activity types to events.

    Args:
        event_type: the event's ``type``, unless ``event_types`` has one for the value of ``subtype_property``.
        subject: the property with the title, None if there is none.
        content: the properties with the text; the first that is not empty counts.
        plain_text: those of ``content`` that hold plain text; the others come from HubSpot's editor, as HTML.
        times: properties with the time besides ``hs_timestamp``, tried after it.
        subtype_property: the property that tells kinds of this activity apart.
        event_types: the event's ``type`` for each value of ``subtype_property``.
    """

    event_type: str
    subject: str | None
    content: tuple[str, ...]
    plain_text: frozenset[str] = frozenset()
    times: tuple[str, ...] = ()
    subtype_property: str | None = None
    event_types: Mapping[str, str] = field(default_factory=dict)

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that the mapping reads, which are exactly those that a read asks HubSpot for."""
        own = (self.subject, *self.content, *self.times, self.subtype_property)
        return (*COMMON_PROPERTIES, *(name for name in own if name is not None))


COMMON_PROPERTIES = ("hs_timestamp", "hubspot_owner_id", "hs_createdate", "hs_lastmodifieddate")

DEAL_PROPERTIES = (
    "dealname",
    "amount",
    "dealstage",
    "pipeline",
    "hubspot_owner_id",
    "createdate",
    "closedate",
    "hs_lastmodifieddate",
    "hs_merged_object_ids",
    "deal_currency_code",
    "amount_in_home_currency",
)

#: By HubSpot's object name.
ACTIVITY_TYPES: Mapping[str, ActivityType] = {
    "calls": ActivityType("Call", "hs_call_title", ("hs_call_body",)),
    "emails": ActivityType(
        "Outgoing Email",
        "hs_email_subject",
        ("hs_email_text", "hs_email_html"),
        plain_text=frozenset({"hs_email_text"}),
        subtype_property="hs_email_direction",
        event_types={
            "EMAIL": "Outgoing Email",
            "INCOMING_EMAIL": "Incoming Email",
            "FORWARDED_EMAIL": "Forwarded Email",
        },
    ),
    "meetings": ActivityType(
        "Meeting",
        "hs_meeting_title",
        ("hs_meeting_body", "hs_internal_meeting_notes"),
        times=("hs_meeting_start_time",),
    ),
    "notes": ActivityType("Note", None, ("hs_note_body",)),
    "tasks": ActivityType("Task", "hs_task_subject", ("hs_task_body",)),
    "communications": ActivityType(
        # Clients know a closed list of event types, and SMS is the plainest of the three kinds in it; a channel that
        # HubSpot adds one day is shown as that rather than as a type unknown to clients.
        "SMS",
        None,
        ("hs_communication_body",),
        subtype_property="hs_communication_channel_type",
        event_types={"SMS": "SMS", "WHATS_APP": "WhatsApp", "LINKEDIN_MESSAGE": "LinkedIn Message"},
    ),
    "postal_mail": ActivityType("Postal Mail", None, ("hs_postal_mail_body",)),
}


#: The properties of which a person's name is made, by HubSpot's object name.
PEOPLE_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "contacts": ("firstname", "lastname", "email", "hs_merged_object_ids"),
    "companies": ("name", "domain", "hs_merged_object_ids"),
}


def properties_of(object_type: str) -> tuple[str, ...]:
    """Return the properties that the mapping reads of ``object_type``, an object name of HubSpot."""
    if object_type in PEOPLE_PROPERTIES:
        return PEOPLE_PROPERTIES[object_type]
    return DEAL_PROPERTIES if object_type == "deals" else ACTIVITY_TYPES[object_type].properties


def modified_property_of(object_type: str) -> str:
    """Return the property with the time of the last change; contacts alone have another name for it."""
    return "lastmodifieddate" if object_type == "contacts" else "hs_lastmodifieddate"


def identity_of(object_type: str) -> tuple[str, ...]:
    """Return the properties that identify a record of ``object_type``."""
    return ("hs_object_id", "hs_merged_object_ids") if object_type == "deals" else ("hs_object_id",)
