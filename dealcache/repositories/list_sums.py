"""Adds up deals from the indexes of lists, also by currency.

The deals of all currencies together are added up first, in accounts with one currency or none by the only query. Then
those of all currencies but the company's, which most deals are in: adding up by currency takes MongoDB twice as long
for a deal, and the indexes for it do not have deals in the company's currency. What is left is the company's, and that
of deals without a currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from dealcache.model.currencies import currency_code
from dealcache.repositories.amounts import FINITE_AMOUNT, is_sum, sum_value
from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_list_indexes import IS_FOREIGN, PLACE_INDEX, currency_index_of
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import hinted
from dealcache.repositories.list_totals import CurrencyTotal, ListTotal, completed, total_of
from dealcache.repositories.stage_moves import StageTotal


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

    def added_up(self, asked: Iterable[tuple[list[Document], str]], listed: Document) -> ListTotal:
        """Return the total of the deals for which one of several conditions holds.

        Args:
            asked: lists of conditions, of which at most one holds for a deal, each with the index that answers it.
            listed: a condition that must hold in any case.
        """
        queries = [({"$and": [listed, *conditions]}, index) for conditions, index in asked]
        count, amount = 0, 0.0
        for condition, index in queries:
            for found in self._sums(condition, None, index):
                count += found["count"]
                amount += sum_value(found["amount"])
        total = ListTotal(count, sum_value(amount))
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

    def _by_currency(self, queries: Sequence[tuple[Document, str]], codes: set[str | None]) -> dict[str, CurrencyTotal]:
        known: dict[str, CurrencyTotal] = {}
        for condition, index in queries if codes else ():
            currency_index, field = currency_index_of(index)
            among = {"$and": [{field: {"$in": sorted(map(str, codes))}}, condition]}
            for found in self._sums(among, f"${field}", currency_index):
                code = currency_code(found["_id"])
                if code is None:  # an array of another system, which counts as none
                    continue
                so_far = known.get(code, CurrencyTotal(0, 0.0))
                amount = so_far.amount + sum_value(found["amount"])
                known[code] = CurrencyTotal(so_far.count + found["count"], amount)
        return known

    def _sums(self, condition: Document, by: str | None, index: str) -> list[Document]:
        found = self._grouped(condition, by, "$amount", index)
        if all(is_sum(one["amount"]) for one in found):
            return found
        return self._grouped(condition, by, FINITE_AMOUNT, index)  # another system's NaN may be among them

    def _grouped(self, condition: Document, by: str | None, amount: Any, index: str) -> list[Document]:
        stages = [
            {"$match": condition},
            {"$group": {"_id": by, "count": {"$sum": 1}, "amount": {"$sum": amount}}},
        ]
        return self._aggregated(stages, index)

    def _aggregated(self, stages: Sequence[Document], index: str) -> list[Document]:
        with self._connection.operation() as database:
            ask = partial(database.deal_info.aggregate, stages)
            return hinted(lambda **hint: ask(**hint).to_list(), index)
