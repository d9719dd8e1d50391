"""Documents of ``deal_info`` as the list of deals shows them.

A page has fifty of them, and an export all, so documents written by this service are read with few checks; others are
read as elsewhere, see :mod:`.record_documents`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from dealcache.model.currencies import currency_code
from dealcache.model.deal_filter import Place, ValueKind
from dealcache.model.timestamps import without_zone
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.documents import AGE_FIELDS, OPTIONAL_FIELDS, Document, any_date, stored_as_of
from dealcache.repositories.json_values import integer_value
from dealcache.repositories.lists.arrays import stored_at
from dealcache.repositories.lists.places import place_of
from dealcache.repositories.record_documents import DEALS, is_followed, read_deal
from dealcache.repositories.stage_times import current_entry_in

_TIME_OR_NONE, _TEXT_OR_NONE = frozenset((datetime, type(None))), frozenset((str, type(None)))
_NUMBER_OR_NONE = frozenset((float, type(None)))
_TIMES = ("first", "last", "next")

#: The fields that a row shows of the deal itself; ``owner``, ``stage`` and ``pipeline`` are labels of earlier versions.
_DEAL_FIELDS = (
    *("deal_id", "deal_name", "hubspot_updated_at", "owner_id", "owner", "stage_id", "stage"),
    *("pipeline_id", "pipeline", "amount", "create_date", "close_date"),
    *OPTIONAL_FIELDS,
)

#: The types of the fields that a sound document may lack.
_KINDS = {
    **dict.fromkeys(("owner_id", "owner", "stage_id", "stage", "pipeline_id", "pipeline"), _TEXT_OR_NONE),
    **dict.fromkeys(("create_date", "close_date", "timeline_synced_at", "complete_as_of"), _TIME_OR_NONE),
    "amount": _NUMBER_OR_NONE,
}

#: The fields to read of a deal.
PROJECTION: Document = {"_id": 0} | dict.fromkeys(
    (*_DEAL_FIELDS, "deal_name_key", *AGE_FIELDS, "activities.count", *(f"activities.{name}" for name in _TIMES)), 1
)


class Spot(NamedTuple):
    """The place of a deal in an order: its phase, and the value in its document."""

    deal_id: str
    phase: int
    value: Any


class FoundDeal(NamedTuple):
    """A deal of a list.

    Args:
        document: the document that it was read from.
        values: the same with only sound values in the fields of :data:`PROJECTION`; the document itself if it has no
            others. A page takes half as long as with a :class:`.StoredDeal` for each document. Dates are naive, of UTC.
        field: that of the order that was asked for, in dots, and ``kind`` the kind of its values.
        phase: see :class:`.Place`.
    """

    document: Document
    values: Document
    field: str
    kind: ValueKind
    phase: int

    @property
    def place(self) -> Place:
        """The place of the deal in the order."""
        return place_of(self.document, self.field, self.kind, self.phase)

    @property
    def stage_entered_at(self) -> datetime | None:
        """The time, aware, at which the deal entered its stage; None if it is not known, or was not asked for."""
        return current_entry_in(self.document)

    @property
    def spot(self) -> Spot:
        """The place of the deal in the order, in the form of documents."""
        return Spot(self.document["deal_id"], self.phase, stored_at(self.document, self.field))

    def as_of(self, watermark: datetime | None, now: datetime) -> datetime | None:
        """Return what :meth:`.StoredDeal.as_of` returns; all dates are naive."""
        get = self.values.get
        return stored_as_of(get("timeline_synced_at"), get("complete_as_of"), is_followed(self.values), watermark, now)


def found_deal(document: Document, field: str, kind: ValueKind, phase: int, unreadable: UnreadableRecords) -> FoundDeal:
    """Return a document as a deal of a list.

    Args:
        document: with the fields of :data:`PROJECTION`, its dates naive.
        field: that of the order, in dots.
        kind: the kind of its values.
        phase: see :class:`.Place`.
        unreadable: counts documents that cannot be read completely.
    """
    return FoundDeal(document, sound_values(document, unreadable), field, kind, phase)


def sound_values(document: Document, unreadable: UnreadableRecords) -> Document:
    """Return a document with only sound values in the fields of :data:`PROJECTION`; itself if it has no others.

    Args:
        document: with any of these fields, at least the id, the name and the version of the deal; its dates are naive.
        unreadable: counts documents that cannot be read completely.
    """
    return document if _is_sound(document) else _mended(document, unreadable)


def _is_sound(document: Document) -> bool:
    """Return True if this service has written all that a row shows of a document."""
    get = document.get
    if not (type(get("deal_id")) is type(get("deal_name")) is str and type(get("hubspot_updated_at")) is datetime):
        return False
    for name, kinds in _KINDS.items():
        if type(get(name)) not in kinds:
            return False
    activities, currency = get("activities"), get("currency")
    if activities is not None:
        if type(activities) is not dict or type(activities.get("count")) is not int:
            return False
        # The list of all deals reads the count alone.
        if len(activities) > 1 and not _TIME_OR_NONE.issuperset(map(type, map(activities.get, _TIMES))):
            return False
    if currency is None:
        return True
    return currency_code(currency) is not None and type(get("amount_in_home_currency")) in _NUMBER_OR_NONE


def _mended(document: Document, unreadable: UnreadableRecords) -> Document:
    """Return a document with the values that its fields are read as elsewhere, see :mod:`.record_documents`."""
    stored, faults = read_deal(document)
    times = {name: getattr(stored, name) for name in ("timeline_synced_at", "complete_as_of")}
    fields = {name: getattr(stored.deal, name) for name in _DEAL_FIELDS} | times
    mended: Document = {name: without_zone(one) if isinstance(one, datetime) else one for name, one in fields.items()}
    if "activities" in document:
        mended["activities"] = summary = _mended_activities(document["activities"])
        if summary is None:
            faults.append("activities")
    if faults:
        unreadable.note(*DEALS.identify(document), f"its document in MongoDB is damaged: {', '.join(faults)}")
    return document | mended


def _mended_activities(summary: Any) -> Document | None:
    """Return a deal's activities; None if they cannot be read."""
    if not isinstance(summary, dict) or (count := integer_value(summary.get("count"))) is None:
        return None
    times = ((name, any_date(summary.get(name))) for name in _TIMES)
    return {"count": count} | {name: one and without_zone(one) for name, one in times}
