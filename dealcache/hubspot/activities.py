"""What each type of activity is made of: which of HubSpot's properties hold its title, its text and its time.

Source: HubSpot's guides "Calls", "Emails", "Meetings", "Notes", "Tasks", "Communications" and "Postal mail".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ActivityType:
    """How one of HubSpot's activity types becomes an event.

    Args:
        event_type: the event's ``type``, unless ``event_types`` has one for the value of the property ``told_by``.
        subject: the property with the title, None when there is none.
        content: the properties with the text; the first that is not empty counts.
        times: properties with the moment besides ``hs_timestamp``, tried after it.
        told_by: the property that tells kinds of this activity apart.
        event_types: the event's ``type`` for each value of ``told_by``.
    """

    event_type: str
    subject: str | None
    content: tuple[str, ...]
    times: tuple[str, ...] = ()
    told_by: str | None = None
    event_types: Mapping[str, str] = field(default_factory=dict)

    @property
    def properties(self) -> tuple[str, ...]:
        """All properties that the mapping reads, which is exactly what a read asks HubSpot for."""
        own = (self.subject, *self.content, *self.times, self.told_by)
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
)

#: By HubSpot's object name.
ACTIVITY_TYPES: Mapping[str, ActivityType] = {
    "calls": ActivityType("Call", "hs_call_title", ("hs_call_body",)),
    "emails": ActivityType(
        "Outgoing Email",
        "hs_email_subject",
        ("hs_email_text", "hs_email_html"),
        told_by="hs_email_direction",
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
        # HubSpot adds one day is shown as that rather than as something no client understands.
        "SMS",
        None,
        ("hs_communication_body",),
        told_by="hs_communication_channel_type",
        event_types={"SMS": "SMS", "WHATS_APP": "WhatsApp", "LINKEDIN_MESSAGE": "LinkedIn Message"},
    ),
    "postal_mail": ActivityType("Postal Mail", None, ("hs_postal_mail_body",)),
}


def properties_of(object_type: str) -> tuple[str, ...]:
    """The properties that the mapping reads of ``object_type``: ``deals`` or an activity's object name."""
    return DEAL_PROPERTIES if object_type == "deals" else ACTIVITY_TYPES[object_type].properties


def identity_of(object_type: str) -> tuple[str, ...]:
    """The properties that tell which record of ``object_type`` it is, and nothing else about it."""
    return ("hs_object_id", "hs_merged_object_ids") if object_type == "deals" else ("hs_object_id",)
