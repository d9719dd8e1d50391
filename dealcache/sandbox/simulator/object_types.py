"""The object types that the simulated HubSpot knows: their names, ids and properties.

Source: HubSpot's guides of the single objects. An object type may be written in a URL as
its name (``deals``), its singular (``deal``) or its type id (``0-3``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PropertyKind = Literal["string", "number", "date", "datetime", "enumeration", "bool"]


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of record.

    ``label`` is what error messages call it, ``created_property`` the property with the time of creation,
    ``modified_property`` the one with the time of the last change, ``required`` what a create call must bring,
    ``searched`` the properties that a search's free-text ``query`` looks into, ``unfilterable`` those a search filter
    may not name, ``body`` the property that ``hs_body_preview`` is cut from.
    """

    name: str
    singular: str
    type_id: str
    label: str
    created_property: str
    properties: Mapping[str, PropertyKind]
    defaults: tuple[str, ...]
    always: tuple[str, ...]
    required: tuple[str, ...]
    searched: tuple[str, ...]
    unfilterable: frozenset[str] = frozenset({"hs_body_preview_html"})
    body: str | None = None
    modified_property: str = "hs_lastmodifieddate"


def _kinds(strings: str = "", numbers: str = "", datetimes: str = "", enums: str = "") -> dict[str, PropertyKind]:
    kinds: dict[str, PropertyKind] = {}
    kinds.update(dict.fromkeys(strings.split(), "string"))
    kinds.update(dict.fromkeys(numbers.split(), "number"))
    kinds.update(dict.fromkeys(datetimes.split(), "datetime"))
    kinds.update(dict.fromkeys(enums.split(), "enumeration"))
    return kinds


_COMMON = _kinds(
    strings="hs_attachment_ids hs_body_preview hs_body_preview_html hs_merged_object_ids",
    numbers="hs_object_id",
    datetimes="hs_timestamp hs_createdate hs_lastmodifieddate",
    enums="hubspot_owner_id",
)

_DEAL = _kinds(
    strings="dealname description hs_merged_object_ids",
    numbers="amount amount_in_home_currency hs_object_id",
    datetimes="closedate createdate hs_createdate hs_lastmodifieddate",
    enums="dealstage pipeline dealtype hubspot_owner_id deal_currency_code hs_is_closed hs_is_closed_won "
    "hs_is_closed_lost",
)
_ACTIVITY_ALWAYS = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")


def _activity(
    names: tuple[str, str, str, str],
    properties: Mapping[str, PropertyKind],
    *,
    body: str,
    searched: tuple[str, ...],
    required: tuple[str, ...] = (),
    unfilterable: tuple[str, ...] = (),
) -> ObjectType:
    name, singular, type_id, label = names
    return ObjectType(
        name=name,
        singular=singular,
        type_id=type_id,
        label=label,
        created_property="hs_createdate",
        properties={**_COMMON, **properties},
        defaults=_ACTIVITY_ALWAYS,
        always=_ACTIVITY_ALWAYS,
        required=("hs_timestamp", *required),
        searched=searched,
        unfilterable=frozenset({"hs_body_preview_html", *unfilterable}),
        body=body,
    )


DEALS = ObjectType(
    name="deals",
    singular="deal",
    type_id="0-3",
    label="DEAL",
    created_property="createdate",
    properties=_DEAL,
    defaults=(
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ),
    always=("createdate", "hs_lastmodifieddate", "hs_object_id"),
    required=("dealname", "dealstage"),
    searched=("dealname", "pipeline", "dealstage", "description", "dealtype"),
)

CALLS = _activity(
    ("calls", "call", "0-48", "CALL"),
    _kinds(
        strings="hs_call_title hs_call_body hs_call_from_number hs_call_to_number hs_call_recording_url "
        "hs_call_callee_object_id",
        numbers="hs_call_duration",
        enums="hs_call_direction hs_call_disposition hs_call_status hs_call_source hs_call_has_voicemail "
        "hs_call_callee_object_type hs_activity_type",
    ),
    body="hs_call_body",
    searched=("hs_call_title", "hs_body_preview"),
)
EMAILS = _activity(
    ("emails", "email", "0-49", "EMAIL"),
    _kinds(
        strings="hs_email_subject hs_email_text hs_email_html hs_email_headers hs_email_from_email "
        "hs_email_from_firstname hs_email_from_lastname hs_email_to_email hs_email_to_firstname "
        "hs_email_to_lastname",
        enums="hs_email_direction hs_email_status",
    ),
    body="hs_email_html",
    searched=("hs_email_subject",),
    required=("hs_email_direction",),
    unfilterable=("hs_email_html", "hs_body_preview"),
)
MEETINGS = _activity(
    ("meetings", "meeting", "0-47", "MEETING_EVENT"),
    _kinds(
        strings="hs_meeting_title hs_meeting_body hs_internal_meeting_notes hs_meeting_external_url "
        "hs_meeting_location",
        datetimes="hs_meeting_start_time hs_meeting_end_time",
        enums="hs_meeting_outcome hs_activity_type",
    ),
    body="hs_meeting_body",
    searched=("hs_meeting_title", "hs_meeting_body"),
)
NOTES = _activity(
    ("notes", "note", "0-46", "NOTE"),
    _kinds(strings="hs_note_body"),
    body="hs_note_body",
    searched=("hs_note_body",),
)
TASKS = _activity(
    ("tasks", "task", "0-27", "TASK"),
    _kinds(
        strings="hs_task_subject hs_task_body hs_task_reminders",
        enums="hs_task_status hs_task_priority hs_task_type",
    ),
    body="hs_task_body",
    searched=("hs_task_body", "hs_task_subject"),
)
COMMUNICATIONS = _activity(
    ("communications", "communication", "0-18", "COMMUNICATION"),
    _kinds(
        strings="hs_communication_body",
        enums="hs_communication_channel_type hs_communication_logged_from",
    ),
    body="hs_communication_body",
    searched=("hs_communication_body",),
    required=("hs_communication_channel_type",),
)
POSTAL_MAIL = _activity(
    ("postal_mail", "postal_mail", "0-116", "POSTAL_MAIL"),
    _kinds(strings="hs_postal_mail_body"),
    body="hs_postal_mail_body",
    searched=("hs_postal_mail_body",),
)

CONTACTS = ObjectType(
    name="contacts",
    singular="contact",
    type_id="0-1",
    label="CONTACT",
    created_property="createdate",
    properties=_kinds(
        strings="firstname lastname email phone jobtitle company hs_merged_object_ids",
        numbers="hs_object_id",
        datetimes="createdate lastmodifieddate",
        enums="hubspot_owner_id lifecyclestage",
    ),
    defaults=("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    always=("createdate", "hs_object_id", "lastmodifieddate"),
    required=(),
    searched=("firstname", "lastname", "email", "phone", "company"),
    # Of all types, this one alone has a name of its own for it.
    modified_property="lastmodifieddate",
)
COMPANIES = ObjectType(
    name="companies",
    singular="company",
    type_id="0-2",
    label="COMPANY",
    created_property="createdate",
    properties=_kinds(
        strings="name domain phone website description hs_merged_object_ids",
        numbers="hs_object_id numberofemployees",
        datetimes="createdate hs_lastmodifieddate",
        enums="hubspot_owner_id industry lifecyclestage",
    ),
    defaults=("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    always=("createdate", "hs_lastmodifieddate", "hs_object_id"),
    required=(),
    searched=("name", "website", "phone", "domain"),
)

ACTIVITY_TYPES = (CALLS, EMAILS, MEETINGS, NOTES, TASKS, COMMUNICATIONS, POSTAL_MAIL)
OBJECT_TYPES = (DEALS, *ACTIVITY_TYPES, CONTACTS, COMPANIES)

_BY_ALIAS = {alias: kind for kind in OBJECT_TYPES for alias in (kind.name, kind.singular, kind.type_id)}
_BY_ALIAS["meeting_event"] = MEETINGS


def find_object_type(alias: str) -> ObjectType | None:
    """The object type that a URL or a filter means by ``alias`` (name, singular or type id), None if there is none."""
    return _BY_ALIAS.get(alias.lower())


def object_type_of(alias: str) -> ObjectType:
    """The object type meant by a name, singular or type id.

    Raises:
        ValueError: the simulator knows none of that name.
    """
    kind = find_object_type(alias)
    if kind is None:
        raise ValueError(f"unknown object type {alias!r}")
    return kind
