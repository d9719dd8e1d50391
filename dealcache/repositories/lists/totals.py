"""Totals of lists of deals: how many there are, and the sums of their amounts, also by currency. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dealcache.repositories.lists.amounts import sum_value
from dealcache.repositories.lists.stage_moves import StageTotal

#: ISO 4217's code for no currency: for deals without one where the company's is not known.
NO_CURRENCY = "XXX"

#: Decimal places beyond which nothing is rounded.
_MOST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """The number of deals in a currency, and the sum of their amounts."""

    count: int
    amount: float


@dataclass(frozen=True, slots=True)
class ListTotal:
    """The number of deals, and the sum of their amounts.

    ``currencies`` are the same by currency, empty in accounts without currencies. Deals without one count as being in
    the company's.
    """

    count: int
    amount: float
    currencies: Mapping[str, CurrencyTotal] = field(default_factory=dict, hash=False)

    @property
    def amounts(self) -> dict[str, float]:
        """The sums of the amounts by currency; empty unless there are several currencies."""
        return {code: one.amount for code, one in self.currencies.items()} if len(self.currencies) > 1 else {}


def total_of(groups: Sequence[StageTotal], home: str | None) -> ListTotal:
    """Return the total of some stages; ``home`` is the company's currency, None if it is not known."""
    count, amount = sum(one.count for one in groups), sum_value(math.fsum(one.amount for one in groups))
    if all(one.currency is None for one in groups):
        return ListTotal(count, amount)
    sums: dict[str, list[StageTotal]] = {}
    for one in groups:
        sums.setdefault(one.currency or home or NO_CURRENCY, []).append(one)
    return ListTotal(
        count,
        amount,
        _sorted(
            (
                code,
                CurrencyTotal(sum(one.count for one in of_code), sum_value(math.fsum(one.amount for one in of_code))),
            )
            for code, of_code in sums.items()
        ),
    )


def completed(total: ListTotal, known: Mapping[str, CurrencyTotal], home: str | None) -> ListTotal:
    """Return a total by currency, given those of all currencies but the company's."""
    count = total.count - sum(one.count for one in known.values())
    rest = CurrencyTotal(count, difference(total.amount, (one.amount for one in known.values())))
    return ListTotal(total.count, total.amount, _sorted([*known.items(), (home or NO_CURRENCY, rest)]))


def without(every: ListTotal, some: ListTotal) -> ListTotal:
    """Return the total of all deals but some; that of none if deals have come since all were added up."""
    if some.count > every.count:
        return ListTotal(0, 0.0)
    left = {
        code: CurrencyTotal(one.count - gone.count, difference(one.amount, (gone.amount,)))
        for code, one in every.currencies.items()
        for gone in (some.currencies.get(code, CurrencyTotal(0, 0.0)),)
    }
    amount = difference(every.amount, (some.amount,))
    return ListTotal(every.count - some.count, amount, _sorted(left.items()))


def difference(total: float, parts: Iterable[float]) -> float:
    """Return what is left of a sum without some parts of it, as exactly as the sum is known."""
    left = sum((-Decimal(repr(part)) for part in parts), Decimal(repr(total)))
    # The sum is rounded to its last binary digit; so much of what is left means nothing.
    digits = -math.ceil(math.log10(4 * math.ulp(total)))
    return sum_value(float(round(left, digits) if digits < _MOST_DIGITS else left))


def _sorted(totals: Iterable[tuple[str, CurrencyTotal]]) -> dict[str, CurrencyTotal]:
    """Return those with any deals, by their codes."""
    return {code: one for code, one in sorted(totals) if one.count > 0}
