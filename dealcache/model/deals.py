"""Deals, their engagements as timeline events, and the names of deals. Plain values.

``dealcache.hubspot.mapping`` makes them from HubSpot's JSON, ``dealcache.repositories`` from MongoDB's documents;
``dealcache.reader.views`` turns them into the views that clients see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from unicodedata import normalize

from dealcache.model.people import DealPeople, Participants
from dealcache.model.stage_history import StageTime

#: Every value that an event's ``type`` may have, as the contract lists them.
EVENT_TYPES: tuple[str, ...] = (
    *("Meeting", "Incoming Email", "Outgoing Email", "Forwarded Email", "Call", "Note", "Task"),
    *("SMS", "WhatsApp", "LinkedIn Message", "Postal Mail"),
)

#: The ``type`` of an event of each activity, unless the activity itself is more specific.
EVENT_TYPE_OF: Mapping[str, str] = {
    "calls": "Call",
    "emails": "Outgoing Email",
    "meetings": "Meeting",
    "notes": "Note",
    "tasks": "Task",
    "communications": "SMS",
    "postal_mail": "Postal Mail",
}

#: HubSpot's object names of the activities, in the order in which they are requested.
ENGAGEMENT_TYPES = tuple(EVENT_TYPE_OF)

#: The types of records that are kept in step with HubSpot, each by itself.
RECORD_TYPES = ("deals", *ENGAGEMENT_TYPES)

#: Fields that other systems write to a stored event: shown by the timeline, kept by every write, never made up.
FOREIGN_FIELDS: tuple[str, ...] = ("sentiment", "buyer_intent", "buyer_intent_explanation")

#: The properties of a deal of which none are read beyond those that have fields of their own.
NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})

#: The longest deal name, in characters (the contract).
NAME_LENGTH = 512

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

#: Characters that are ignored around a name: Unicode's white space, and zero-width characters, which come with pasted
#: text.
_AROUND = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
    "\u200b\u200e\u200f\u2060\ufeff"
)


#: The ways to name a deal; see :class:`DealKey`.
Naming = Literal["name", "id"]


class DealKey(NamedTuple):
    """A client's name for a deal: its exact HubSpot id, or its name as the client wrote it (stripped)."""

    by: Naming
    value: str


def bare_name(name: str) -> str:
    """Return ``name`` in Unicode's NFC and without white space around it: the form in which its case is compared."""
    bare = name.strip(_AROUND)
    return bare if bare.isascii() else normalize("NFC", bare)


@lru_cache(maxsize=256)  # one read needs the key of the same name several times
def name_key(name: str) -> str:
    """Return the form in which names are compared: :func:`bare_name` case-folded, as in HubSpot's look-up.

    Folding decomposes characters that NFC has composed, and the other way round, so NFD is applied before it and NFC
    after it (Unicode, section 3.13, canonical caseless matching).
    """
    bare = name.strip(_AROUND)
    return bare.casefold() if bare.isascii() else normalize("NFC", normalize("NFD", bare).casefold())


def stored_name_keys(name: str) -> tuple[str, ...]:
    """Return the forms under which a deal of this name may be stored: :func:`name_key`, and those of earlier versions.

    Earlier versions did not normalize, and may still be running beside this one.
    """
    bare = name.strip(_AROUND)
    if bare.isascii():
        return (bare.casefold(),)
    former = (normalize(form, bare).casefold() for form in ("NFC", "NFD"))
    return tuple(dict.fromkeys((name_key(bare), *former)))


def deal_name(text: str) -> str:
    """Return the name of a deal from a client in the form for look-ups; see :func:`bare_name`.

    Raises:
        ValueError: it is empty, too long, or holds control characters.
    """
    name = bare_name(text)
    if not name:
        raise ValueError("May not be empty.")
    if _CONTROL.search(name):
        raise ValueError("May not contain control characters.")
    if len(name) > NAME_LENGTH:
        raise ValueError(f"May have {NAME_LENGTH} characters at most.")
    return name


@dataclass(frozen=True, slots=True)
class Deal:
    """One deal, with owner, stage and pipeline as HubSpot's ids; ``Labels`` knows their names.

    ``amount`` is in the deal's own currency, None when empty; dates are aware UTC datetimes. ``owner``, ``stage`` and
    ``pipeline`` are labels that earlier versions stored beside the ids, shown only where the present ones are unknown.
    ``merged_ids`` are the ids of deals that were merged into this one: they lead to it for good. ``currency`` is an ISO
    4217 code, None in accounts without currencies; ``amount_in_home_currency`` is None without it, and where the
    account has no exchange rate for it. ``properties`` are the further properties that are read with deals, by
    HubSpot's name: its texts, only those that are not empty.
    ``stage_times`` are the times of the stages that it has been in; None if they were not read.
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
    currency: str | None = None
    amount_in_home_currency: float | None = None
    properties: Mapping[str, str] = field(default_factory=lambda: NO_PROPERTIES, hash=False)
    stage_times: tuple[StageTime, ...] | None = None


class Event(NamedTuple):
    """One engagement of a deal, as the timeline shows it.

    A named tuple, because a timeline has hundreds of them, and one takes a quarter of the time of a frozen dataclass.

    ``engagement_id`` is unique only within its ``engagement_type``. ``occurred_at`` is its place on the timeline (for
    a task its due date, which may lie ahead). ``extra`` holds those of :data:`FOREIGN_FIELDS` that other systems have
    written to the stored document; HubSpot never sets it. ``participants`` are the keys of the people that take part,
    None while they are unknown. ``owner`` is a name that an earlier version stored, as in
    :class:`Deal`; ``""`` if none.
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
    extra: Mapping[str, Any] = MappingProxyType({})
    participants: Participants = None


@dataclass(frozen=True, slots=True)
class LoadedDeal:
    """The result of one complete load from HubSpot: the deal, all its events, and the other deals of the same name.

    ``read_started_at`` is the time just before the first call, by which two loads are ordered. ``unread`` are the types
    and ids of the deal's activities that could not be read, whose stored events are kept. ``as_of`` is an earlier time
    if the deal is only known from a search, which may be behind. ``people`` are None unless their names are wanted.
    """

    deal: Deal
    events: tuple[Event, ...]
    homonyms: tuple[Deal, ...]
    read_started_at: datetime
    unread: frozenset[tuple[str, str]] = frozenset()
    as_of: datetime | None = None
    people: DealPeople | None = None

    @property
    def lacks_people(self) -> bool:
        """True if names of people are wanted, and the participants, or the name of one, could not be read."""
        if self.people is None:
            return False
        everyone = (self.people.of_deal, *(event.participants for event in self.events))
        names = self.people.names
        return any(keys is None or any(key not in names for key in keys) for keys in everyone)


def choose_deal(name: str, candidates: Iterable[Deal]) -> tuple[Deal, tuple[Deal, ...]] | None:
    """Return the deal that ``name`` means among ``candidates`` and the others of that name, best first; None if none.

    Names are not unique, neither in HubSpot nor in MongoDB. A deal counts if its :func:`name_key` is that of ``name``
    and it is not archived. Among those a name in the very same case wins, whatever white space is around it and however
    its characters are composed, then the most recent change, then the highest id.
    """
    key, bare = name_key(name), bare_name(name)
    matching = {deal.deal_id: deal for deal in candidates if name_key(deal.deal_name) == key and not deal.archived}
    if not matching:
        return None
    first, *others = sorted(matching.values(), key=lambda deal: _rank(bare, deal), reverse=True)
    return first, tuple(others)


def _rank(name: str, deal: Deal) -> tuple[bool, datetime, int, str]:
    # Ids are digits without leading zeros: the longer one is the higher, and so is the later one of equal length.
    return (bare_name(deal.deal_name) == name, deal.hubspot_updated_at, len(deal.deal_id), deal.deal_id)
