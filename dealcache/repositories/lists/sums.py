"""Adds up deals from the indexes of lists, also by currency.

The deals of all currencies together are added up first, in accounts with one currency or none by the only query. Then
those of all currencies but the company's, which most deals are in: adding up by currency takes MongoDB twice as long
for a deal, and the indexes for it do not have deals in the company's currency. What is left is the company's, and that
of deals without a currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from dealcache.model.currencies import currency_code
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import with_hint
from dealcache.repositories.lists.amounts import FINITE_AMOUNT, is_sum, sum_value
from dealcache.repositories.lists.indexes import IS_FOREIGN, PLACE_INDEX, currency_index_of
from dealcache.repositories.lists.plan import Asked
from dealcache.repositories.lists.stage_moves import StageTotal
from dealcache.repositories.lists.totals import CurrencyTotal, ListTotal, completed, total_of

_PLACE = ("pipeline_id", "stage_id")


class ListSums:
    """Adds up the amounts of deals. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
        home_currency: returns the company's currency, None while it is not known.
    """

    def __init__(self, connection: Connection, home_currency: Callable[[], str | None]) -> None:
        self._connection = connection
        self._home_currency = home_currency

    def of_stages(self, groups: Sequence[StageTotal]) -> ListTotal:
        """Return the total of some stages."""
        return total_of(groups, self._home_currency() if any(one.currency for one in groups) else None)

    def added_up(self, asked: Iterable[Asked], listed: Document) -> ListTotal:
        """Return the total of some deals.

        Args:
            asked: the deals, none of them twice.
            listed: a condition that must hold in any case.
        """
        queries = [replace(one, conditions=[listed, *one.conditions]) for one in asked]
        count, amount = 0, 0.0
        for query in queries:
            for found in self._sums(query, None):
                count += found["count"]
                amount = _plus(amount, found["amount"])
        total = ListTotal(count, amount)
        codes = self._codes()
        if not codes:
            return total
        home = self._home_currency()
        return completed(total, self._by_currency(queries, codes - {home}), home)

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

    def _sums(self, query: Asked, by: str | None) -> list[Document]:
        found = self._grouped(query, by, "$amount")
        if all(is_sum(one["amount"]) for one in found):
            return found
        return self._grouped(query, by, FINITE_AMOUNT)  # another system's NaN may be among them

    def _grouped(self, query: Asked, by: str | None, amount: Any) -> list[Document]:
        key: Any = {"by": by} | {name: f"${name}" for name in _PLACE} if query.of_places else by
        stages: list[Document] = [
            {"$match": {"$and": query.conditions}},
            {"$group": {"_id": key, "count": {"$sum": 1}, "amount": {"$sum": amount}}},
        ]
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
