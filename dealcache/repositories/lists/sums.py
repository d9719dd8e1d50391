"""Adds up deals from the indexes of lists, also by currency.

The deals of all currencies together are added up first, in accounts with one currency or none by the only query. Then
those of all currencies but the company's, which most deals are in: adding up by currency takes MongoDB twice as long
for a deal, and the indexes for it do not have deals in the company's currency. What is left is the company's, and that
of deals without a currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from bson import DatetimeMS
from pymongo import DESCENDING

from dealcache.model.currencies import currency_code
from dealcache.model.deal_filter import DealFilter, Order, is_in, is_of_stages
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import with_hint
from dealcache.repositories.lists.amounts import FINITE_AMOUNT, is_sum, sum_value
from dealcache.repositories.lists.improper_deals import has_improper
from dealcache.repositories.lists.indexes import IS_FOREIGN, PLACE_INDEX, currency_index_of, sort_of
from dealcache.repositories.lists.plan import LAST_CHANGED, Asked, begins_elsewhere, total_conditions
from dealcache.repositories.lists.query import LISTED, PRESENT, Part
from dealcache.repositories.lists.stage_moves import StageTotal
from dealcache.repositories.lists.totals import CurrencyTotal, ListTotal, completed, total_of, without
from dealcache.repositories.recent_answers import RecentAnswers

_PLACE = ("pipeline_id", "stage_id")

#: Seconds for which it is remembered whether there are improper deals, and where few deals do not match.
_KNOWN_SECONDS = 60.0

#: Up to one in so many of all deals are few: it is quicker to add up those that do not match.
_FEW = 4

#: So many of the deals that changed last are looked through for one that matches.
_LATEST = 100

OfStages = Callable[[], Sequence[StageTotal]]


class ListSums:
    """Adds up the amounts of deals. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
        parts: returns the parts of a filter.
        deals: returns roughly how many deals there are.
        home_currency: returns the company's currency, None while it is not known.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        connection: Connection,
        parts: Callable[[DealFilter], list[Part]],
        deals: Callable[[], int],
        home_currency: Callable[[], str | None],
        timer: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._parts = parts
        self._deals = deals
        self._home_currency = home_currency
        self._improper = RecentAnswers[str, bool](_KNOWN_SECONDS, timer)
        #: True where few deals do not match.
        self._few = RecentAnswers[str, bool](_KNOWN_SECONDS, timer)

    def total(self, wanted: DealFilter, of_stages: OfStages | None) -> ListTotal:
        """Return the totals of all deals that match; see :meth:`.DealListRepository.total_and_first`."""
        return self.total_and_first(wanted, None, of_stages)[0]

    def total_and_first(
        self, wanted: DealFilter, order: Order | None, of_stages: OfStages | None
    ) -> tuple[ListTotal, Any]:
        """Return what :meth:`.DealListRepository.total_and_first` returns; no value without an order."""
        if wanted.has_next_activity is False:  # no index has these deals alone
            both, planned = (self.total(replace(wanted, has_next_activity=one), of_stages) for one in (None, True))
            return without(both, planned), None
        improper = self._improper.get("improper", lambda: has_improper(self._connection))
        if of_stages is not None and not improper and is_of_stages(wanted):
            kept = [one for one in of_stages() if is_in(wanted, one.pipeline_id, one.stage_id)]
            return self._of_stages(kept), None
        parts = self._parts(wanted)
        rest = parts[0].rest if of_stages is not None and not improper and len(parts) == 1 else None
        if (
            of_stages is not None
            and rest is not None
            and self._few.get(repr(rest), lambda: self._are_few(rest, parts[0].index))
        ):
            every, others = of_stages(), self._added_up([Asked([rest], parts[0].index)], PRESENT)[0]
            return without(self._of_stages(every), others), None
        # Checking the id of each deal would take MongoDB half as long as adding them up.
        asked, listed = total_conditions(parts), LISTED if improper else PRESENT
        begins = begins_elsewhere(asked, order) and not (order == LAST_CHANGED and self._begin_with_latest(asked[0]))
        return self._added_up(asked, listed, order if begins else None)

    def _begin_with_latest(self, asked: Asked) -> bool:
        """Return True if one of the deals that changed last matches: where the others begin is then unknown."""
        sort = sort_of(LAST_CHANGED)
        latest: list[Document] = [
            {"$match": PRESENT | {sort.field: sort.kind.value}},
            {"$sort": {sort.field: DESCENDING, "deal_id": DESCENDING}},
            {"$limit": _LATEST},
        ]
        matching: list[Document] = [{"$match": {"$and": [*asked.conditions]}}, {"$limit": 1}]
        return bool(self._aggregated([*latest, *matching, {"$project": {"_id": 0, "deal_id": 1}}], sort.index))

    def _are_few(self, condition: Document, index: str) -> bool:
        """Return True if few deals match; to count is quicker than to add up."""
        most = self._deals() // _FEW
        with self._connection.operation() as database:
            ask = partial(database.deal_info.count_documents, PRESENT | condition, limit=most + 1)
            return with_hint(ask, index) <= most

    def _of_stages(self, groups: Sequence[StageTotal]) -> ListTotal:
        """Return the total of some stages."""
        return total_of(groups, self._home_currency() if any(one.currency for one in groups) else None)

    def _added_up(self, asked: Iterable[Asked], listed: Document, order: Order | None = None) -> tuple[ListTotal, Any]:
        """Return the total of some deals, and the first value that they have in an order.

        Args:
            asked: the deals, none of them twice.
            listed: a condition that must hold in any case.
            order: the order; None for no value.
        """
        queries = [replace(one, conditions=[listed, *one.conditions]) for one in asked]
        count, amount, first = 0, 0.0, None
        for query in queries:
            for found in self._sums(query, None, order):
                count += found["count"]
                amount = _plus(amount, found["amount"])
                first = found.get("first")
        first = first if isinstance(first, datetime | DatetimeMS) else None
        total = ListTotal(count, amount)
        codes = self._codes()
        if not codes:
            return total, first
        home = self._home_currency()
        return completed(total, self._by_currency(queries, codes - {home}), home), first

    def _codes(self) -> set[str | None]:
        """Return the currencies of deals beside the company's; in the index MongoDB skips from one to the next.

        The company's is among them if deals were stored before it was known.
        """
        index, field = currency_index_of(PLACE_INDEX)
        found = self._aggregated(
            [{"$match": IS_FOREIGN | {"archived": False}}, {"$group": {"_id": f"${field}"}}], index
        )
        return {code for one in found if (code := currency_code(one["_id"]))}

    def _by_currency(self, queries: Sequence[Asked], codes: set[str | None]) -> dict[str, CurrencyTotal]:
        known: dict[str, CurrencyTotal] = {}
        for query in queries if codes else ():
            index, field = currency_index_of(query.index)
            among = [{field: {"$in": sorted(map(str, codes))}}, *query.conditions]
            for found in self._sums(replace(query, conditions=among, index=index), f"${field}"):
                code = currency_code(found["_id"])
                if code is None:  # an array of another system, which counts as none
                    continue
                so_far = known.get(code, CurrencyTotal(0, 0.0))
                known[code] = CurrencyTotal(so_far.count + found["count"], _plus(so_far.amount, found["amount"]))
        return known

    def _sums(self, query: Asked, by: str | None, order: Order | None = None) -> list[Document]:
        found = self._grouped(query, by, "$amount", order)
        if all(is_sum(one["amount"]) for one in found):
            return found
        return self._grouped(query, by, FINITE_AMOUNT, order)  # another system's NaN may be among them

    def _grouped(self, query: Asked, by: str | None, amount: Any, order: Order | None) -> list[Document]:
        key: Any = {"by": by} | {name: f"${name}" for name in _PLACE} if query.of_places else by
        sums: Document = {"count": {"$sum": 1}, "amount": {"$sum": amount}}
        if order is not None:
            sums["first"] = {"$max" if order.descending else "$min": f"${sort_of(order).field}"}
        stages: list[Document] = [{"$match": {"$and": query.conditions}}, {"$group": {"_id": key} | sums}]
        if query.of_places:
            place = {name: f"$_id.{name}" for name in _PLACE}
            stages += [
                {"$project": {"_id": "$_id.by", "count": 1, "amount": 1} | place},
                {"$match": {"$and": query.of_places}},
            ]
        return self._aggregated(stages, query.index)

    def _aggregated(self, stages: Sequence[Document], index: str) -> list[Document]:
        with self._connection.operation() as database:
            ask = partial(database.deal_info.aggregate, stages)
            return with_hint(lambda **hint: ask(**hint).to_list(), index)


def _plus(so_far: float, amount: Any) -> float:
    """Add a sum of MongoDB's without rounding it again: cents stay cents."""
    return sum_value(float(Decimal(repr(so_far)) + Decimal(repr(sum_value(amount)))))
