"""Documents: which of their fields come from HubSpot, how values become documents, and the dates in them.

BSON dates hold milliseconds, which is HubSpot's precision too; finer values are cut, never rounded up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from pymongo.cursor import Cursor

from dealcache.model.deals import FOREIGN_FIELDS, Deal, Event, name_key
from dealcache.model.freshness import data_as_of
from dealcache.model.people import Participants
from dealcache.model.pipelines import Pipeline
from dealcache.model.words import words_of
from dealcache.repositories.json_values import date_value

#: A document as MongoDB holds it.
Document = dict[str, Any]

DEAL_FIELDS = (
    "deal_id",
    "deal_name",
    "hubspot_updated_at",
    "owner_id",
    "stage_id",
    "pipeline_id",
    "amount",
    "create_date",
    "close_date",
    "archived",
    "merged_ids",
)
#: Fields that a document has only where they have a value, each with one that it always has.
OPTIONAL_FIELDS = {"currency": "amount", "amount_in_home_currency": "amount"}
#: The currency of a deal once more where it was not known to be the company's. The indexes for sums by currency hold
#: only such deals: in most accounts nearly all deals are in one currency.
FOREIGN_CURRENCY = "foreign_currency"
#: Optional fields with what is derived from them.
REMOVABLE_FIELDS = OPTIONAL_FIELDS | {FOREIGN_CURRENCY: "amount"}
#: Labels that earlier versions stored, each with the field of its id. They serve while the present label is unknown, so
#: they stay until the id changes.
FORMER_LABELS = {"owner": "owner_id", "stage": "stage_id", "pipeline": "pipeline_id"}
#: Fields derived from a deal's name: the form in which names are compared, the words for searches, and the name that
#: these belong to, which shows whether an earlier version has written another name.
NAME_FIELDS = ("deal_name_key", "name_words", "words_of")
DEAL_DATES = ("hubspot_updated_at", "create_date", "close_date")
#: The fields that identify an event, and all that come from HubSpot.
EVENT_KEY = ("deal_id", "engagement_type", "engagement_id")
EVENT_FIELDS = (
    "engagement_type",
    "engagement_id",
    "occurred_at",
    "type",
    "subject",
    "content",
    "owner_id",
    "owner",
    "hubspot_updated_at",
)

#: The fields with the age of a deal; see :class:`StoredDeal`.
AGE_FIELDS = ("timeline_synced_at", "complete_as_of", "unread_types", "missed_at")

#: The fields about types of activities that are missing, and all that a complete reading of a deal removes; see
#: :mod:`.missing_types`.
UNREAD_FIELDS = ("unread_types", "partly_synced_at", "partly_as_of")
OUTDATED_FIELDS = (*UNREAD_FIELDS, "missed_at")

#: The keys of the people that take part in a deal or an event, and when HubSpot was asked for them; see
#: :class:`.ParticipantRepository`.
WITH_FIELDS = ("with", "with_at")

#: The fields that are read of a deal and of an event.
DEAL_PROJECTION = {"_id": 0} | dict.fromkeys((*AGE_FIELDS, *DEAL_FIELDS, *OPTIONAL_FIELDS, *FORMER_LABELS, "with"), 1)
EVENT_PROJECTION = {"_id": 0} | dict.fromkeys((*EVENT_FIELDS, *FOREIGN_FIELDS), 1)

#: The fields of a stored document that are compared with HubSpot's.
COMPARED_DEAL = dict.fromkeys(
    (*DEAL_FIELDS, *REMOVABLE_FIELDS, *FORMER_LABELS, *NAME_FIELDS, "archived_at", "synced_at"), 1
)
COMPARED_EVENT = dict.fromkeys(("deal_id", *EVENT_FIELDS, "synced_at"), 1)

#: The field of a deal that names the sums of activities which have its present activities, see :mod:`.activity_sums`.
#: Writers remove it with each change of the deal's activities, and of :data:`SUMMED_BY`.
SUMMED = "summed_in"
SUMMED_BY = frozenset(("pipeline_id", "stage_id", "archived"))

#: The condition that a deal is not archived.
LIVE: Document = {"archived": {"$ne": True}}

#: All fields that this service writes to an event's document; others belong to other systems.
OWN_EVENT_FIELDS = frozenset(("_id", *COMPARED_EVENT, *WITH_FIELDS))

#: An engagement's type and id; the id alone is unique only within its type.
EngagementKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredDeal:
    """A deal as MongoDB knows it.

    ``timeline_synced_at`` is when HubSpot was asked for the events that MongoDB holds; None if it never was, which
    distinguishes "no activities" from "activities never fetched". ``complete_as_of`` is when HubSpot was first asked
    for a part of them: a sync reads a deal before its activities, and takes some of these from an earlier reading.
    ``followed`` is False if a sync has found changes of the deal that it could not read. ``participants`` are the
    people that take part in the deal itself.
    """

    deal: Deal
    timeline_synced_at: datetime | None
    complete_as_of: datetime | None = None
    followed: bool = True
    participants: Participants = None

    def as_of(self, watermark: datetime | None, now: datetime) -> datetime | None:
        """Return the moment up to which HubSpot's changes are known to be in it; see :func:`.data_as_of`."""
        return stored_as_of(self.timeline_synced_at, self.complete_as_of, self.followed, watermark, now)


def stored_as_of(
    timeline_synced_at: datetime | None,
    complete_as_of: datetime | None,
    followed: bool,
    watermark: datetime | None,
    now: datetime,
) -> datetime | None:
    """Return :func:`.data_as_of` for a deal with these values, see :class:`StoredDeal`."""
    # Earlier versions did not store ``complete_as_of``.
    return data_as_of(complete_as_of or timeline_synced_at, watermark, now, followed and timeline_synced_at is not None)


class Totals(NamedTuple):
    """The number of a deal's events by ``type``, and the times of its first and last event; None without any."""

    by_type: dict[str, int]
    first: datetime | None = None
    last: datetime | None = None

    @classmethod
    def of(cls, events: Sequence[Event]) -> Totals:
        """Return the totals of these events."""
        times = [event.occurred_at for event in events]
        return cls(Counter(event.type for event in events), min(times, default=None), max(times, default=None))

    @property
    def events(self) -> int:
        """The number of all events."""
        return sum(self.by_type.values())


def milliseconds(moment: datetime) -> datetime:
    """Return ``moment`` with the precision of a document, for comparing it with one that was read back."""
    finer = moment.microsecond % 1000
    # HubSpot's own times have no microseconds, and there are two in every event.
    return moment.replace(microsecond=moment.microsecond - finer) if finer else moment


def utc(moment: datetime | None) -> datetime | None:
    """Return a date of the driver, aware or naive, as an aware one in UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)


def any_date(value: object) -> datetime | None:
    """Return any value in a date's place as an aware date in UTC; None if it is not a date."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else date_value(value)


def ids_of(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the ids of deals; documents of other systems without one are skipped."""
    return [deal_id for document in documents if type(deal_id := document.get("deal_id")) is str]


def documents_in(cursor: Cursor[Document], size: int) -> Iterator[Document]:
    """Yield documents by whole batches of ``size``: the cursor's own iterator takes a microsecond for each."""
    return chain.from_iterable(iter(partial(cursor.to_list, size), []))


def texts_in(value: object) -> list[str]:
    """Return the texts in a list; none if ``value`` is no list."""
    return [one for one in value if type(one) is str] if isinstance(value, list) else []


def deal_fields(deal: Deal) -> Document:
    """Return the fields of ``deal_info`` that come from HubSpot."""
    fields: Document = {name: getattr(deal, name) for name in DEAL_FIELDS}
    for name in DEAL_DATES:
        fields[name] = None if fields[name] is None else milliseconds(fields[name])
    fields |= name_fields(deal.deal_name)
    fields |= {name: value for name in OPTIONAL_FIELDS if (value := getattr(deal, name)) is not None}
    fields["merged_ids"] = list(deal.merged_ids)
    return fields


def name_fields(name: str) -> Document:
    """Return the fields of ``deal_info`` that are derived from a deal's name."""
    return {"deal_name_key": name_key(name), "name_words": words_of(name), "words_of": name}


def event_fields(deal_id: str, event: Event) -> Document:
    """Return the fields of ``deal_timeline`` that come from HubSpot: never ``event.extra``.

    ``owner`` is always empty; workers of earlier versions cannot read an event without it.
    """
    fields: Document = {name: getattr(event, name) for name in EVENT_FIELDS}
    fields["owner"] = ""
    fields["deal_id"] = deal_id
    fields["occurred_at"] = milliseconds(event.occurred_at)
    fields["hubspot_updated_at"] = milliseconds(event.hubspot_updated_at)
    return fields


def pipeline_fields(pipeline: Pipeline) -> Document:
    """Return the fields of ``pipelines`` that come from HubSpot."""
    fields = asdict(pipeline)
    fields["stages"] = list(fields["stages"])
    for stage in fields["stages"]:
        if stage["property_suffix"] is None:  # as for nearly all, and for all in earlier versions
            del stage["property_suffix"]
    return fields


def is_sound(group: Document) -> bool:
    """Return True if all documents of a type are as this service writes them."""
    dates = isinstance(group["first"], datetime) and isinstance(group["last"], datetime)
    return dates and isinstance(group["_id"].get("type"), str)


def totals_of(types: Sequence[Document]) -> Totals:
    """Return the totals of one deal from those of its types."""
    first, last = min(group["first"] for group in types), max(group["last"] for group in types)
    return Totals({group["_id"]["type"]: group["count"] for group in types}, utc(first), utc(last))
