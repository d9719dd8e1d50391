"""Documents of ``deal_info`` as the list of deals shows them.

A page has fifty of them, and an export all, so documents written by this service are read with few checks; others are
read as elsewhere, see :mod:`.record_documents`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from dealcache.model.currencies import currency_code
from dealcache.model.deal_filter import Place, ValueKind
from dealcache.model.deals import Deal
from dealcache.model.timestamps import with_zone
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.documents import AGE_FIELDS, OPTIONAL_FIELDS, Document, StoredDeal, any_date
from dealcache.repositories.json_values import number_value
from dealcache.repositories.lists.arrays import stored_at
from dealcache.repositories.lists.places import place_of
from dealcache.repositories.record_documents import DEALS, is_followed, read_records
from dealcache.repositories.stage_times import current_entry_in

_TIME_OR_NONE, _TEXT_OR_NONE = frozenset((datetime, type(None))), frozenset((str, type(None)))
_NUMBER_OR_NONE = frozenset((float, type(None)))
_TIMES = ("first", "last", "next")

#: The fields to read of a deal; ``owner``, ``stage`` and ``pipeline`` are labels of earlier versions.
PROJECTION: Document = {"_id": 0} | dict.fromkeys(
    (
        *("deal_id", "deal_name", "deal_name_key", "hubspot_updated_at", "owner_id", "owner", "stage_id", "stage"),
        *("pipeline_id", "pipeline", "amount", "create_date", "close_date"),
        *OPTIONAL_FIELDS,
        *AGE_FIELDS,
        *("activities.count", *(f"activities.{name}" for name in _TIMES)),
    ),
    1,
)


@dataclass(frozen=True, slots=True)
class Activities:
    """A deal's activities as a list shows them: ``last`` is the last one over, ``next`` the next one planned."""

    count: int
    first: datetime | None
    last: datetime | None
    next: datetime | None


class Spot(NamedTuple):
    """The place of a deal in an order: its phase, and the value in its document."""

    deal_id: str
    phase: int
    value: Any


class FoundDeal(NamedTuple):
    """A deal of a list.

    Args:
        stored: the deal.
        activities: None if they were never read.
        document: the document that it was read from.
        field: that of the order that was asked for, in dots, and ``kind`` the kind of its values.
        phase: see :class:`.Place`.
    """

    stored: StoredDeal
    activities: Activities | None
    document: Document
    field: str
    kind: ValueKind
    phase: int

    @property
    def place(self) -> Place:
        """The place of the deal in the order."""
        return place_of(self.document, self.field, self.kind, self.phase)

    @property
    def stage_entered_at(self) -> datetime | None:
        """The time at which the deal entered its stage; None if it is not known, or was not asked for."""
        return current_entry_in(self.document)

    @property
    def spot(self) -> Spot:
        """The place of the deal in the order, in the form of documents."""
        return Spot(self.document["deal_id"], self.phase, stored_at(self.document, self.field))


def found_deal(document: Document, field: str, kind: ValueKind, phase: int, unreadable: UnreadableRecords) -> FoundDeal:
    """Return a document as a deal of a list.

    Args:
        document: with the fields of :data:`PROJECTION`, its dates naive.
        field: that of the order, in dots.
        kind: the kind of its values.
        phase: see :class:`.Place`.
        unreadable: counts documents that cannot be read completely.
    """
    stored = _sound(document) or read_records(DEALS, [document], unreadable)[0]
    was_read = stored.timeline_synced_at is not None
    activities = _activities(document.get("activities")) if was_read else None
    return FoundDeal(stored, activities, document, field, kind, phase)


def _sound(document: Document) -> StoredDeal | None:
    """Return the deal of a document written by this service; None for any other."""
    get = document.get
    name, updated_at, amount = get("deal_name"), get("hubspot_updated_at"), get("amount")
    if type(name) is not str or type(updated_at) is not datetime or not (amount is None or type(amount) is float):
        return None
    times = (get("create_date"), get("close_date"), get("timeline_synced_at"), get("complete_as_of"))
    texts = (get("owner_id"), get("owner"), get("stage_id"), get("stage"), get("pipeline_id"), get("pipeline"))
    if not (_TIME_OR_NONE.issuperset(map(type, times)) and _TEXT_OR_NONE.issuperset(map(type, texts))):
        return None
    currency, at_home = get("currency"), get("amount_in_home_currency")
    if currency is not None and (currency_code(currency) is None or type(at_home) not in _NUMBER_OR_NONE):
        return None
    created_at, closes_at, synced_at, complete_as_of = [one and with_zone(one) for one in times]
    fields = (document["deal_id"], name, with_zone(updated_at), *texts, amount, created_at, closes_at)
    # Without own properties: rows show those of the document itself, which is quicker.
    deal = Deal(*fields, currency=currency, amount_in_home_currency=at_home)
    return StoredDeal(deal, synced_at, complete_as_of, is_followed(document))


def _activities(summary: Any) -> Activities | None:
    """Return a deal's activities from its document; None if they were never summarized."""
    if not isinstance(summary, dict):
        return None
    count = summary.get("count")
    times = [summary.get(name) for name in _TIMES]
    if type(count) is int and _TIME_OR_NONE.issuperset(map(type, times)):
        return Activities(count, *[one and with_zone(one) for one in times])
    number = number_value(count)
    return None if number is None else Activities(int(number), *map(any_date, times))
