"""Questions for lists of deals as MongoDB's conditions, with the indexes that serve them. Pure.

Deals with a value come first, then those without one, then those in which another system has put something else: each
phase is a range, or some points, of the index of the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from dealcache.model.deal_filter import DealFilter, Order, Place, PropertyFilter, Range, StagePlace
from dealcache.model.timestamps import EARLIEST, LATEST
from dealcache.repositories.documents import Document, milliseconds
from dealcache.repositories.lists.indexes import (
    EARLIEST_DATE,
    LATEST_DATE,
    NO_INDEX,
    OWNER_INDEX,
    PLACE_INDEX,
    PLANNED,
    PLANNED_INDEX,
    PROPERTY_INDEX,
    SORTS,
    WORDS_INDEX,
    Sort,
    keys_of,
    property_field,
    sort_of,
)
from dealcache.repositories.lists.places import is_value, stored_value

#: Deals that are not archived, and those of lists: documents without a valid id are not deals.
PRESENT: Document = {"archived": False}
LISTED: Document = PRESENT | {"deal_id": {"$gte": ""}}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a filter.

    Args:
        condition: what has to hold.
        index: the index that serves it, or NO_INDEX.
        fields: the fields that it uses.
        pieces: conditions of one range each that exclude each other, and of which one holds where ``condition`` does.
        rest: a condition that holds where ``condition`` does not, answered by the same index; None if there is none.
    """

    condition: Document
    index: str
    fields: frozenset[str]
    pieces: tuple[Document, ...] = ()
    rest: Document | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The fields in the keys of the index."""
        return keys_of(self.index)


def word_condition(word: str) -> Document:
    """Return the condition that a word of the name begins like this."""
    return {"name_words": {"$regex": f"^{word}"}}


def parts_of(wanted: DealFilter) -> list[Part]:
    """Return the parts of a filter, the one whose index presumably excludes most deals first.

    The words are looked for in their order, and so are the properties: the rarest one should come first.
    """
    parts: list[Part] = []

    def add(condition: Document, index: str, *fields: str) -> None:
        parts.append(Part(condition, index, frozenset(fields)))

    if wanted.words:
        add({"$and": [word_condition(word) for word in wanted.words]}, WORDS_INDEX, "name_words")
    if wanted.owner_ids is not None:
        add(_owners(wanted), OWNER_INDEX, "owner_id")
    if wanted.has_next_activity:
        add(PLANNED, PLANNED_INDEX, *PLANNED)
    parts += [_of_property(one) for one in wanted.properties]
    for name, limits in (("amount", wanted.amount), ("created", wanted.created), ("closes", wanted.closes)):
        if limits:
            parts.append(_in_range(SORTS[name], limits))
    if wanted.idle_since is not None:
        sort, since = SORTS["last_activity"], milliseconds(wanted.idle_since)
        long_ago, never = {"$gte": EARLIEST_DATE, "$lt": since}, {"$not": {"$gte": EARLIEST_DATE}}
        pieces, rest = ({sort.field: long_ago}, {sort.field: never}), {sort.field: {"$gte": since}}
        idle = {sort.field: {"$not": {"$gte": since}}}
        parts.append(Part(idle, sort.index, frozenset((sort.field,)), pieces, rest))
    if wanted.stages is not None:
        add(_places(wanted.stages), PLACE_INDEX, "stage_id", "pipeline_id")
    if wanted.is_open is not None:
        closed = _places(wanted.closed)
        add({"$nor": [closed]} if wanted.is_open else closed, PLACE_INDEX, "stage_id", "pipeline_id")
    if wanted.pipeline_ids is not None:
        add({"pipeline_id": {"$in": list(wanted.pipeline_ids)}}, PLACE_INDEX, "pipeline_id")
    if wanted.has_next_activity is False:
        add({"$nor": [PLANNED]}, NO_INDEX, *PLANNED)
    return parts


def _owners(wanted: DealFilter) -> Document:
    either: Document = {"owner_id": {"$in": list(wanted.owner_ids or ())}}
    if wanted.known_owner_ids is None:
        return either
    others: Document = {"owner_id": {"$nin": list(wanted.known_owner_ids)}}
    return {"$or": [either, others]} if wanted.owner_ids else others


def property_condition(wanted: PropertyFilter) -> tuple[Document, str]:
    """Return the condition that a property has one of the wanted values, and the index that serves it."""
    part = _of_property(wanted)
    return part.condition, part.index


def _of_property(wanted: PropertyFilter) -> Part:
    field = property_field(wanted.name)
    ranges = tuple({field: _between(limits)} for limits in wanted.ranges)
    if not ranges:
        condition: Document = {field: {"$in": list(wanted.values)}}
    else:
        condition = ranges[0] if len(ranges) == 1 else {"$or": list(ranges)}
    pieces = ranges if len(ranges) > 1 else ()
    return Part(condition, PROPERTY_INDEX + wanted.name, frozenset((field,)), pieces)


def _in_range(sort: Sort, limits: Range) -> Part:
    between = _between(limits)
    # MongoDB does not find the deals outside two limits by the index alone.
    rest = {sort.field: {"$not": between}} if len(between) == 1 else None
    return Part({sort.field: between}, sort.index, frozenset((sort.field,)), rest=rest)


def _between(limits: Range) -> Document:
    ends = {"$gte": limits.least, "$lte": limits.most}
    return {name: _end(end) for name, end in ends.items() if end is not None}


def _end(value: float | datetime) -> Any:
    """Return an end of a range as MongoDB compares it; beyond an edge of the calendar, that edge."""
    if not isinstance(value, datetime):
        return value
    return {EARLIEST: EARLIEST_DATE, LATEST: LATEST_DATE}.get(value, milliseconds(value))


def _places(places: Sequence[StagePlace]) -> Document:
    plain = [one.stage_id for one in places if one.only_in is None and not one.not_in]
    either: list[Document] = [{"stage_id": {"$in": plain}}] if plain else []
    for one in places:
        if one.only_in is not None:
            either.append({"stage_id": one.stage_id, "pipeline_id": {"$in": sorted(one.only_in)}})
        elif one.not_in:
            either.append({"stage_id": one.stage_id, "pipeline_id": {"$nin": sorted(one.not_in)}})
    if not either:
        return {"stage_id": {"$in": []}}
    return either[0] if len(either) == 1 else {"$or": either}


def is_place(values: Sequence[object], order: Order) -> bool:
    """Return True if these may be the values of a :class:`.Place` in an order."""
    phase, value, deal_id = values
    if type(phase) is not int or not 0 <= phase <= 2 or not isinstance(deal_id, str):
        return False
    return is_value(sort_of(order).kind.name, value) if phase == 0 else value is None


class Step(NamedTuple):
    """A run of deals of one phase: its condition, and the number of the phase.

    ``by_value`` if they are sorted by their values; otherwise all have the same one, or none. ``further`` are
    conditions that hold for all deals of the phase.
    """

    condition: Document
    phase: int
    by_value: bool = False
    further: tuple[Document, ...] = ()


def steps_after(order: Order, after: Place | None, first: Any = None, *, arrays: bool = False) -> list[Step]:
    """Return the runs in which the deals of an order follow a place, or all of them.

    Args:
        order: the order.
        after: the place; None for the beginning.
        first: the first value of the order, or one before it, if the beginning is known.
        arrays: True if some deals may have arrays in place of values; these come last.
    """
    sort = sort_of(order)
    found = array_conditions(sort.field) if arrays else []
    steps = _steps_after(sort, after, found, descending=order.descending)
    if first is not None and steps[0].by_value:
        begin = sort.kind.value | {"$lte" if order.descending else "$gte": first}
        steps[0] = steps[0]._replace(condition={sort.field: begin})
    return [step._replace(further=({"$nor": found},)) if found and step.phase < 2 else step for step in steps]


def array_conditions(field: str) -> list[Document]:
    """Return conditions of which one holds where there is an array in a field or on the way to it."""
    names = field.split(".")
    return [{".".join(names[: place + 1]): {"$type": "array"}} for place in range(len(names))]


def _steps_after(sort: Sort, after: Place | None, odder: Sequence[Document], *, descending: bool) -> list[Step]:
    field, kind = sort.field, sort.kind
    without = Step({field: None}, 1)
    odd = Step({"$or": [*({field: one} for one in kind.odd), *odder]}, 2)
    if after is None:
        return [Step({field: kind.value}, 0, by_value=True), without, odd]
    behind: Document = {"deal_id": {"$gt": after.deal_id}}
    if after.phase == 0:
        value = stored_value(kind.name, after.value)
        further = {field: kind.value | {"$lt" if descending else "$gt": value}}
        return [Step({field: value} | behind, 0), Step(further, 0, by_value=True), without, odd]
    return [Step(without.condition | behind, 1), odd] if after.phase == 1 else [Step(odd.condition | behind, 2)]
