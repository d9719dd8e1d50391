"""The orders of lists of deals, and the indexes that serve orders and filters.

Each order has an index whose keys continue with the deal's id and the fields of equality filters, so that most deals
that do not match are skipped without being read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from bson import DatetimeMS
from pymongo import ASCENDING, DESCENDING, IndexModel

from dealcache.model.deal_filter import Order, ValueKind
from dealcache.repositories.documents import FOREIGN_CURRENCY, Document
from dealcache.repositories.lists.amounts import LARGEST

#: The earliest and the latest date that MongoDB can hold.
EARLIEST_DATE, LATEST_DATE = DatetimeMS(-(2**63)), DatetimeMS(2**63 - 1)

_OTHER_TYPES = ("object", "binData", "objectId", "regex", "javascript", "timestamp", "minKey", "maxKey")


class Kind(NamedTuple):
    """The values of a field: the condition for a valid one, and the conditions for any other but none."""

    name: ValueKind
    value: Document
    odd: tuple[Any, ...]


_TEXT = Kind("text", {"$gte": ""}, ({"$type": [*_OTHER_TYPES, "bool", "number", "date"]},))
_DATE = Kind("date", {"$gte": EARLIEST_DATE}, ({"$type": [*_OTHER_TYPES, "bool", "number", "string"]},))
_BOOL = Kind("bool", {"$gte": False}, ({"$type": [*_OTHER_TYPES, "number", "string", "date"]},))
_NUMBER = Kind(
    "number",
    {"$gte": -LARGEST, "$lte": LARGEST},
    ({"$type": [*_OTHER_TYPES, "bool", "string", "date"]}, float("nan"), {"$lt": -LARGEST}, {"$gt": LARGEST}),
)
_KINDS: Mapping[ValueKind, Kind] = {kind.name: kind for kind in (_TEXT, _DATE, _BOOL, _NUMBER)}


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: the field, in dots, the kind of its values, and the index.

    ``descending`` if the index goes from the last value to the first; deals of one value are sorted by ascending id in
    either case.
    """

    field: str
    kind: Kind
    index: str
    descending: bool = False


SORTS: Mapping[str, Sort] = {
    "name": Sort("deal_name_key", _TEXT, "by_name"),
    "amount": Sort("amount", _NUMBER, "list_amount"),
    "created": Sort("create_date", _DATE, "by_creation", descending=True),
    "closes": Sort("close_date", _DATE, "by_closing"),
    "activities": Sort("activities.count", _NUMBER, "list_activities"),
    "last_activity": Sort("activities.last", _DATE, "by_last_activity"),
    "updated": Sort("hubspot_updated_at", _DATE, "by_update"),
}

#: Further fields in the keys of every order's index: for sums, and for filters.
_BESIDE = ("amount", "stage_id", "pipeline_id", "owner_id")

#: More of them: a deal's dates are correlated, so that the deals left by a filter on one may all be far away in the
#: order of another. A change of the activities must change only two indexes.
_FURTHER: Mapping[str, tuple[str, ...]] = {
    "property": ("currency",),
    "created": ("close_date", "hubspot_updated_at"),
    "closes": ("create_date", "hubspot_updated_at"),
    "last_activity": ("create_date", "close_date"),
    "updated": ("create_date", "close_date"),
}

WORDS_INDEX, PLACE_INDEX, OWNER_INDEX, PLANNED_INDEX = "list_words", "list_place", "list_owner", "list_planned"

#: Stands for no index: to tell whether a deal matches, MongoDB has to read it.
NO_INDEX = ""

#: Deals with planned activities: what is known of the activities of deals that were not read completely is not shown.
PLANNED: Document = {"activities.next": {"$gte": EARLIEST_DATE}, "timeline_synced_at": {"$gte": EARLIEST_DATE}}


def _index(name: str, *fields: str, descending: str | None = None) -> IndexModel:
    return IndexModel([(field, DESCENDING if field == descending else ASCENDING) for field in fields], name=name)


def _sort_index(name: str, sort: Sort) -> IndexModel:
    beside = (*(one for one in _BESIDE if one != sort.field), *_FURTHER.get(name, ()))
    # With the name in front it also serves look-ups by name.
    first = (sort.field, "deal_id", "archived") if name == "name" else ("archived", sort.field, "deal_id")
    return _index(sort.index, *first, *beside, descending=sort.field if sort.descending else None)


#: The indexes of lists. ``amount`` is in all of them, so that sums are answered from the index alone.
LIST_INDEXES: tuple[IndexModel, ...] = (
    *(_sort_index(name, sort) for name, sort in SORTS.items()),
    _index(PLACE_INDEX, "archived", "pipeline_id", "stage_id", "amount", "deal_id"),
    _index(OWNER_INDEX, "archived", "owner_id", "pipeline_id", "stage_id", "amount", "deal_id"),
    _index(WORDS_INDEX, "archived", "name_words", "amount", "deal_id"),
    # Of deals with planned activities alone, so that writing others costs nothing; it also tells which are past.
    IndexModel(
        [(field, ASCENDING) for field in (*PLANNED, "archived", *_BESIDE, "deal_id", "currency")],
        name=PLANNED_INDEX,
        partialFilterExpression={"activities.next": {"$exists": True}},
    ),
)

#: Deals in another currency than the company's.
IS_FOREIGN: Document = {FOREIGN_CURRENCY: {"$gt": ""}}

#: The indexes of filters, each once more for the sums of single currencies. They hold only the deals in another
#: currency than the company's, so accounts with one currency, or none, have nothing to write into them.
_BY_CURRENCY: Mapping[str, IndexModel] = {
    model.document["name"]: IndexModel(
        [(FOREIGN_CURRENCY, ASCENDING), *model.document["key"].items()],
        name=f"foreign_{model.document['name']}",
        partialFilterExpression=IS_FOREIGN,
    )
    for model in LIST_INDEXES
    if model.document["name"]
    in (
        *(WORDS_INDEX, OWNER_INDEX, PLACE_INDEX),
        *(SORTS[name].index for name in ("amount", "created", "closes", "last_activity")),
    )
}
CURRENCY_INDEXES = tuple(_BY_CURRENCY.values())


#: The fields in the keys of each of these indexes.
_INDEX_KEYS: Mapping[str, frozenset[str]] = {NO_INDEX: frozenset()} | {
    model.document["name"]: frozenset(model.document["key"]) for model in LIST_INDEXES
}

#: The most properties of the account that have an index. MongoDB allows 64 for a collection, and a deal is written into
#: each of them.
MOST_INDEXED_PROPERTIES = 32

#: The prefix of the names of their indexes.
PROPERTY_INDEX = "property_"


#: The prefix of their fields, in dots.
_PROPERTIES = "properties."


def property_field(name: str) -> str:
    """Return the field of a property of the account, in dots."""
    return _PROPERTIES + name


def property_index(name: str) -> IndexModel:
    """Return the index of a property of the account, which serves filters and orders."""
    return _sort_index("property", Sort(property_field(name), _TEXT, PROPERTY_INDEX + name))


def currency_index_of(index: str) -> tuple[str, str]:
    """Return the index that adds up the deals of single currencies by the same filter, and its field of these."""
    if index in _BY_CURRENCY:
        return _BY_CURRENCY[index].document["name"], FOREIGN_CURRENCY
    return index, "currency"


def sort_of(order: Order) -> Sort:
    """Return what MongoDB has to know of an order."""
    if isinstance(order.sort, str):
        return SORTS[order.sort]
    name, kind = order.sort
    return Sort(property_field(name), _KINDS[kind], PROPERTY_INDEX + name)


def index_of(field: str) -> str:
    """Return the index that finds deals by an id of their stage, pipeline or owner, or by a property of the account."""
    if field.startswith(_PROPERTIES):
        return PROPERTY_INDEX + field.removeprefix(_PROPERTIES)
    return OWNER_INDEX if field == "owner_id" else PLACE_INDEX


@lru_cache
def keys_of(index: str) -> frozenset[str]:
    """Return the fields in the keys of an index."""
    if index in _INDEX_KEYS:
        return _INDEX_KEYS[index]
    return frozenset(property_index(index.removeprefix(PROPERTY_INDEX)).document["key"])
