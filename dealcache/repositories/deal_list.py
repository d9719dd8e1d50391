"""Pages of the list of deals, and the totals of all that match, read from ``deal_info``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bson import Decimal128
from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.errors import ExecutionTimeout, OperationFailure

from dealcache.model.deal_filter import DealFilter, Order, Place
from dealcache.repositories.amounts import FINITE_AMOUNT, is_sum, sum_value
from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_list_arrays import Arrays, stored_at
from dealcache.repositories.deal_list_plan import Plan, plan_of, total_conditions
from dealcache.repositories.deal_list_query import (
    LISTED,
    OWNER_INDEX,
    PLACE_INDEX,
    SORTS,
    Step,
    parts_of,
    steps_after,
)
from dealcache.repositories.deal_places import LONGEST_TEXT
from dealcache.repositories.documents import Document
from dealcache.repositories.found_deals import PROJECTION, FoundDeal, found_deal

_ID = {"_id": 1}
_BY_ID = [("deal_id", ASCENDING)]

#: Seconds for which the number of all deals, which only decides between indexes, is taken for what it was.
_SIZE_SECONDS = 60.0

#: The code of a hint that names no index; indexes are made while the service serves already.
_BAD_VALUE = 2


@dataclass(frozen=True, slots=True)
class ListTotal:
    """The number of deals, and the sum of their amounts."""

    count: int
    amount: float


class DealListRepository:
    """Reads lists of deals. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._timer = timer
        self._size, self._sized_at = 0, float("-inf")
        self._arrays = Arrays(connection, timer)

    def total(self, wanted: DealFilter) -> ListTotal:
        """Return the totals of all deals that match."""
        count, amount = 0, 0.0
        for conditions, index in total_conditions(parts_of(wanted)):
            matching = {"$match": {"$and": [LISTED, *conditions]}}
            with self._connection.operation() as database:
                found = _sum(database.deal_info, matching, "$amount", index)
                if found is not None and not is_sum(found["amount"]):  # another system's NaN may be among them
                    found = _sum(database.deal_info, matching, FINITE_AMOUNT, index)
            if found is not None:
                count += found["count"]
                amount += sum_value(found["amount"])
        return ListTotal(count, sum_value(amount))

    def page(
        self, wanted: DealFilter, order: Order, after: Place | None, limit: int, matching: int
    ) -> tuple[list[FoundDeal], bool]:
        """Return the next deals of a list, and True if more follow.

        Args:
            wanted: which deals.
            order: their order.
            after: the place that they follow; None for the first ones.
            limit: how many.
            matching: how many deals match, about; decides between indexes.
        """
        parts = parts_of(wanted)
        plan = plan_of(parts, order, limit, matching, self._deals())
        conditions, sort = [LISTED, *(part.condition for part in parts)], SORTS[order.sort]
        after = self._in_full(after)
        arrays = self._arrays.may_be_in(sort)
        found = self._read(conditions, order, plan, steps_after(order, after, arrays=arrays), limit + 1)
        if not arrays and self._arrays.are_in((document for document, phase in found if phase < 2), sort):
            found = self._read(conditions, order, plan, steps_after(order, after, arrays=True), limit + 1)
        return self._found(found[:limit], order), len(found) > limit

    def _read(
        self, conditions: Sequence[Document], order: Order, plan: Plan, steps: Sequence[Step], limit: int
    ) -> list[tuple[Document, int]]:
        """Return the first deals of some runs, each with its phase."""
        found: list[tuple[Document, int]] = []
        for step in steps:
            missing = limit - len(found)
            if missing <= 0:
                break
            with self._connection.operation() as database:
                # Naive dates are decoded faster.
                codec = database.codec_options.with_options(tz_aware=False)
                run = _Run(database.deal_info.with_options(codec), [*conditions, *step.further], order, plan)
                found += [(document, step.phase) for document in run.read(step, missing)]
        return found

    def _in_full(self, place: Place | None) -> Place | None:
        """Return a place with its whole text where that was cut, as far as the deal is still there."""
        if place is None or not isinstance(place.value, str) or len(place.value) < LONGEST_TEXT:
            return place
        with self._connection.operation() as database:
            found = database.deal_info.find_one({"deal_id": place.deal_id}, {"deal_name_key": 1}) or {}
        text = found.get("deal_name_key")
        return place._replace(value=text) if isinstance(text, str) and text.startswith(place.value) else place

    def bears(self, field: str, value: str) -> bool:
        """Return True if a deal has this value; ``field`` is that of its stage's, pipeline's or owner's id."""
        index = OWNER_INDEX if field == "owner_id" else PLACE_INDEX
        with self._connection.operation() as database:
            condition = LISTED | {field: value}
            return bool(
                _hinted(lambda **more: database.deal_info.find(condition, _ID, limit=1, **more).to_list(), index)
            )

    def _deals(self) -> int:
        """Return about how many deals there are."""
        if self._timer() >= self._sized_at + _SIZE_SECONDS:
            with self._connection.operation() as database:
                self._size = database.deal_info.estimated_document_count()
            self._sized_at = self._timer()
        return self._size

    def _found(self, documents: Sequence[tuple[Document, int]], order: Order) -> list[FoundDeal]:
        field, kind = SORTS[order.sort].field, SORTS[order.sort].kind.name
        unreadable = self._connection.unreadable
        return [found_deal(document, field, kind, phase, unreadable) for document, phase in documents]


def _sum(collection: Collection[Document], matching: Document, amount: Any, index: str | None) -> Document | None:
    group = {"$group": {"_id": None, "count": {"$sum": 1}, "amount": {"$sum": amount}}}

    def ask(**hint: Any) -> list[Document]:
        return collection.aggregate([matching, group], **hint).to_list()

    return next(iter(_hinted(ask, index)), None)


def _hinted(ask: Callable[..., list[Document]], index: str | None) -> list[Document]:
    """Ask with an index as the hint; without one while there is no such index."""
    if index is not None:
        try:
            return ask(hint=index)
        except OperationFailure as error:
            if error.code != _BAD_VALUE:
                raise
    return ask()


class _Run:
    """Reads the runs of one order; works inside :meth:`.Connection.operation`."""

    def __init__(
        self, collection: Collection[Document], conditions: Sequence[Document], order: Order, plan: Plan
    ) -> None:
        self._collection = collection
        self._conditions = conditions
        self._order = order
        self._field = SORTS[order.sort].field
        self._plan = plan

    def read(self, step: Step, limit: int) -> list[Document]:
        """Return the first deals of a run, those of one value in the order of ids."""
        if not step.by_value:
            return self._find(step.condition, _BY_ID, limit)
        if not self._order.descending:
            return self._find(step.condition, [(self._field, ASCENDING), *_BY_ID], limit)
        # Backwards an index gives those of one value from the last id to the first.
        found = self._find(step.condition, [(self._field, DESCENDING), ("deal_id", DESCENDING)], limit)
        groups = [list(group) for _, group in groupby(found, self._value)]
        if len(found) == limit and len(groups[-1]) > 1:
            kept = sum(map(len, groups[:-1]))
            groups[-1] = self._find({self._field: stored_at(groups[-1][0], self._field)}, _BY_ID, limit - kept)
        return [one for group in groups for one in sorted(group, key=lambda one: one["deal_id"])]

    def _value(self, document: Mapping[str, Any]) -> Any:
        value = stored_at(document, self._field)
        # MongoDB takes equal numbers of different types for equal, and so does Python but for this one.
        return value.to_decimal() if isinstance(value, Decimal128) else value

    def _find(self, condition: Document, order: Sequence[tuple[str, int]], limit: int) -> list[Document]:
        def ask(**more: Any) -> list[Document]:
            matching = {"$and": [*self._conditions, condition]}
            return self._collection.find(
                matching, PROJECTION, sort=order, limit=limit, batch_size=limit + 1, **more
            ).to_list()

        plan = self._plan
        if plan.instead is None:
            return _hinted(ask, plan.index)
        try:
            return _hinted(lambda **hint: ask(max_time_ms=plan.milliseconds, **hint), plan.index)
        except ExecutionTimeout:
            # The deals that match are far away in this order: it is quicker to put them in order.
            return _hinted(ask, plan.instead)
