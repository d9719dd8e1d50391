"""Reads the runs of deals of which a page consists, each in its planned way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from bson import Decimal128
from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.errors import ExecutionTimeout

from dealcache.model.deal_filter import Order
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import with_hint
from dealcache.repositories.lists.arrays import stored_at
from dealcache.repositories.lists.indexes import sort_of
from dealcache.repositories.lists.plan import Plan, Way
from dealcache.repositories.lists.query import Step
from dealcache.repositories.lists.unchanged import Unchanged, find_deals

_BY_ID = [("deal_id", ASCENDING)]


class Run:
    """Reads the runs of one order; works inside :meth:`.Connection.operation`.

    Args:
        collection: the deals.
        conditions: hold for all wanted deals.
        order: the order.
        plan: how they are read.
        projection: what is read of a deal.
        unchanged: told what each query finds; None if lists are known to be unchanged.
    """

    def __init__(
        self,
        collection: Collection[Document],
        conditions: Sequence[Document],
        order: Order,
        plan: Plan,
        projection: Document,
        unchanged: Unchanged | None,
    ) -> None:
        self._unchanged = unchanged
        self._collection = collection
        self._projection = projection
        self._conditions = conditions
        self._sort = sort_of(order)
        self._descending = order.descending
        self._plan = plan
        #: True if the planned way took too long.
        self.took_too_long = False
        #: True if the deals of the last value were read once more, in the order of ids.
        self.read_twice = False

    def read(self, step: Step, limit: int) -> list[Document]:
        """Return the first deals of a run, those of one value in the order of ids."""
        plan = self._plan
        if plan.instead is None:
            return self._read(plan.way, step, limit)
        try:
            return self._read(plan.way, step, limit, max_time_ms=plan.milliseconds)
        except ExecutionTimeout:
            # The matching deals are far away in this order: sorting them is quicker.
            self.took_too_long = True
            return self._read(plan.instead, step, limit)

    def _read(self, way: Way, step: Step, limit: int, **more: Any) -> list[Document]:
        field = self._sort.field
        if not step.by_value:
            return self._find(way, step.condition, _BY_ID, limit, **more)
        order = [(field, DESCENDING if self._descending else ASCENDING)]
        if way.by_keys:
            return self._by_keys(way, step.condition, [*order, *_BY_ID], limit, **more)
        if way.index != self._sort.index or self._descending is self._sort.descending:
            return self._find(way, step.condition, [*order, *_BY_ID], limit, **more)
        # Read backwards, an index returns those of one value from the last id to the first.
        found = self._find(way, step.condition, [*order, ("deal_id", DESCENDING)], limit, **more)
        groups = [list(group) for _, group in groupby(found, self._value)]
        if len(found) == limit and len(groups[-1]) > 1:
            self.read_twice = True
            kept = sum(map(len, groups[:-1]))
            same = {field: stored_at(groups[-1][0], field)}
            groups[-1] = self._find(way, same, _BY_ID, limit - kept, **more)
        return [one for group in groups for one in sorted(group, key=lambda one: one["deal_id"])]

    def _by_keys(
        self, way: Way, condition: Document, order: Sequence[tuple[str, int]], limit: int, **more: Any
    ) -> list[Document]:
        """Sort the matching deals by an index alone, and read the first ones."""
        field = self._sort.field
        keys = self._find(way, condition, order, limit, {"_id": 0, "deal_id": 1, field: 1}, **more)
        ids = [key["deal_id"] for key in keys]
        asked: Document = {"deal_id": {"$in": ids}}
        read = find_deals(self._collection, asked, self._projection, len(ids), unchanged=self._unchanged)
        found = {one["deal_id"]: one for one in read}
        deals = [found[deal_id] for deal_id in ids if deal_id in found]
        if [stored_at(one, field) for one in deals] == [stored_at(key, field) for key in keys]:
            return deals
        # Some have changed in between, and may be at another place.
        return self._find(way, condition, order, limit)

    def _value(self, document: Document) -> Any:
        value = stored_at(document, self._sort.field)
        # MongoDB takes equal numbers of different types for equal, and so does Python except for this type.
        return value.to_decimal() if isinstance(value, Decimal128) else value

    def _find(
        self,
        way: Way,
        condition: Document,
        order: Sequence[tuple[str, int]],
        limit: int,
        projection: Document | None = None,
        **more: Any,
    ) -> list[Document]:
        asked = partial(
            find_deals,
            self._collection,
            {"$and": [*self._conditions, condition]},
            projection or self._projection,
            limit,
            order,
            self._unchanged,
            **more,
        )
        return with_hint(asked, way.index)
