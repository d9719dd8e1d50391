"""The things dealcache is about: deals, their engagements as timeline events, and how a reader names a deal.

Everything here is a plain value. HubSpot's JSON is turned into these by :mod:`dealcache.hubspot.mapping`, MongoDB's
documents by :mod:`dealcache.repositories`, and the views that clients see are made from them by
:mod:`dealcache.reader.views`. This module imports nothing of the project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

#: HubSpot's object names of the activities, in the order in which they are asked for.
ENGAGEMENT_TYPES: tuple[str, ...] = (
    "calls",
    "emails",
    "meetings",
    "notes",
    "tasks",
    "communications",
    "postal_mail",
)

#: Every value that an event's ``type`` may have, as the contract lists them.
EVENT_TYPES: tuple[str, ...] = (
    "Meeting",
    "Incoming Email",
    "Outgoing Email",
    "Forwarded Email",
    "Call",
    "Note",
    "Task",
    "SMS",
    "WhatsApp",
    "LinkedIn Message",
    "Postal Mail",
)


#: What other systems write to a stored event: shown by the timeline, kept by every write, never made up.
FOREIGN_FIELDS: tuple[str, ...] = ("sentiment", "buyer_intent", "buyer_intent_explanation")


#: The longest deal name, in characters (the contract).
NAME_LENGTH = 512

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class DealKey(NamedTuple):
    """How a reader names a deal: by its exact HubSpot id, or by its name as the reader wrote it (stripped)."""

    by: Literal["name", "id"]
    value: str


def name_key(name: str) -> str:
    """The form in which names are compared: stripped and case-folded, because HubSpot's look-up ignores case."""
    return name.strip().casefold()


def deal_name(text: str) -> str:
    """A deal's name as a client gives it, as it is looked up: stripped of surrounding white space.

    Raises:
        ValueError: it is empty, too long, or holds control characters.
    """
    if _CONTROL.search(text):
        raise ValueError("May not contain control characters.")
    name = text.strip()
    if not name:
        raise ValueError("May not be empty.")
    if len(name) > NAME_LENGTH:
        raise ValueError(f"May have {NAME_LENGTH} characters at most.")
    return name


@dataclass(frozen=True, slots=True)
class Deal:
    """One deal, with owner, stage and pipeline both as HubSpot's id and as the label people know.

    ``amount`` is in the deal's own currency, None when empty; dates are aware UTC datetimes; ``owner`` is None when
    nobody owns the deal or the owner is unknown to HubSpot. ``merged_ids`` are the ids of deals that were merged into
    this one: they lead to it for good.
    """

    deal_id: str
    deal_name: str
    hubspot_updated_at: datetime
    owner_id: str | None = None
    owner: str | None = None
    stage_id: str | None = None
    stage: str | None = None
    pipeline_id: str | None = None
    pipeline: str | None = None
    amount: float | None = None
    create_date: datetime | None = None
    close_date: datetime | None = None
    archived: bool = False
    merged_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One engagement of a deal, as the timeline shows it.

    ``engagement_id`` is unique only within its ``engagement_type``. ``occurred_at`` is its place on the timeline (for
    a task its due date, which may lie ahead). ``extra`` holds those of :data:`FOREIGN_FIELDS` that other systems have
    written to the stored document; HubSpot never sets it.
    """

    engagement_type: str
    engagement_id: str
    occurred_at: datetime
    type: str
    subject: str
    content: str
    owner_id: str | None
    owner: str
    hubspot_updated_at: datetime
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedDeal:
    """What one complete load from HubSpot brings: the deal, all its events, and the other deals of the same name.

    ``read_started_at`` is the time just before the first call, so that two loads can be put in order.
    """

    deal: Deal
    events: tuple[Event, ...]
    homonyms: tuple[Deal, ...]
    read_started_at: datetime


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a deal pipeline; ``probability`` is 0.0 to 1.0, or None when HubSpot gives none."""

    stage_id: str
    label: str
    display_order: int
    probability: float | None
    is_closed: bool
    archived: bool = False

    @property
    def closed_won(self) -> bool:
        """Whether deals in this stage are won: closed, with a probability of 1."""
        return self.is_closed and self.probability == 1.0

    @property
    def closed_lost(self) -> bool:
        """Whether deals in this stage are lost: closed, with a probability of 0."""
        return self.is_closed and self.probability == 0.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A deal pipeline with its stages in display order."""

    pipeline_id: str
    label: str
    display_order: int
    stages: tuple[Stage, ...]
    archived: bool = False
