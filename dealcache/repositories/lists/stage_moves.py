"""The effect of changed deals on the number of deals in each stage and the sum of their amounts. Pure.

Amounts are added up as decimal numbers, so that a deal that comes and goes leaves no rounding error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from bson import Decimal128

from dealcache.model.currencies import currency_code
from dealcache.repositories.documents import FOREIGN_CURRENCY, Document
from dealcache.repositories.lists.amounts import sum_value

_TEXT_OR_NONE = frozenset((str, type(None)))
_NUMBERS = frozenset((int, float))

#: Number and amount, by the key of a stage, or of a stage and a currency.
_Sums = dict[str, tuple[int, Decimal]]

#: The fields of a deal that its stage's totals depend on.
COUNTED_FIELDS = ("pipeline_id", "stage_id", "amount", "archived", FOREIGN_CURRENCY)


@dataclass(frozen=True, slots=True)
class StageTotal:
    """The number of deals of one currency in a stage, and the sum of their amounts.

    ``label`` is that of the stage if an earlier version stored one. ``currency`` is None for deals in the company's
    currency, and for those without one.
    """

    pipeline_id: str | None
    stage_id: str | None
    count: int
    amount: float
    label: str | None = None
    currency: str | None = None


class StageMoves:
    """The deals that come into stages and leave them by one change."""

    def __init__(self) -> None:
        self._moved: _Sums = {}
        #: Those of deals in foreign currencies, by stage and currency.
        self._moved_currencies: _Sums = {}
        #: False if it is unknown which deals have come and left.
        self.are_known = True

    def forget(self) -> None:
        """Note that it is unknown which deals come and leave."""
        self.are_known = False

    def come(self, deal: Mapping[str, Any]) -> None:
        """Note a deal that is new, with its :data:`COUNTED_FIELDS`."""
        self._add(deal, 1)

    def leave(self, deal: Mapping[str, Any]) -> None:
        """Note a deal that goes."""
        self._add(deal, -1)

    def change(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Note a deal that changes."""
        if any(before.get(name) != after.get(name) for name in COUNTED_FIELDS):
            self.leave(before)
            self.come(after)

    def _add(self, deal: Mapping[str, Any], number: int) -> None:
        pipeline_id, stage_id, amount, archived, currency = (deal.get(name) for name in COUNTED_FIELDS)
        if archived is True:
            return
        known = amount is None or (type(amount) in _NUMBERS and math.isfinite(amount))
        if not known or not _TEXT_OR_NONE.issuperset((type(pipeline_id), type(stage_id))):
            self.forget()  # another system's value, whose treatment by MongoDB is unknown
            return
        value = number * Decimal(repr(amount or 0))
        _add(self._moved, _key(pipeline_id, stage_id), number, value)
        if code := currency_code(currency):
            _add(self._moved_currencies, _key(pipeline_id, stage_id, code), number, value)

    def applied_to(self, stages: str) -> Document:
        """Return the expression for the sums after the change; ``stages`` is that of the sums before."""
        return _applied(self._moved, stages)

    def applied_to_currencies(self, currencies: str) -> Document:
        """Return the same for the sums by currency."""
        return _applied(self._moved_currencies, currencies)


class KeptStages(NamedTuple):
    """The totals of stages as they are stored: of all deals, and of those in foreign currencies.

    Earlier versions know the former alone.
    """

    stages: Document
    currencies: Document


def kept(totals: Iterable[StageTotal]) -> KeptStages:
    """Return totals as they are stored."""
    stages: _Sums = {}
    currencies: _Sums = {}
    for one in totals:
        amount = Decimal(repr(one.amount))
        _add(stages, _key(one.pipeline_id, one.stage_id), one.count, amount)
        if one.currency is not None:
            _add(currencies, _key(one.pipeline_id, one.stage_id, one.currency), one.count, amount)
    return KeptStages(_stored(stages), _stored(currencies))


def read_kept(found: KeptStages) -> list[StageTotal]:
    """Return stored totals; stages, and currencies in a stage, without deals are left out."""
    rest: dict[str, tuple[str | None, str | None, int, Decimal]] = {}
    for key, one in found.stages.items():
        rest[key] = (*orjson.loads(bytes.fromhex(key)), int(one["count"]), _decimal(one["amount"]))
    totals = []
    for key, one in found.currencies.items():
        pipeline_id, stage_id, code = orjson.loads(bytes.fromhex(key))
        stage, number, part = _key(pipeline_id, stage_id), int(one["count"]), _decimal(one["amount"])
        _, _, count, amount = rest.get(stage, (None, None, 0, Decimal(0)))
        rest[stage] = pipeline_id, stage_id, count - number, amount - part
        if number:
            totals.append(StageTotal(pipeline_id, stage_id, number, sum_value(float(part)), currency=code))
    for pipeline_id, stage_id, count, amount in rest.values():
        if count:
            totals.append(StageTotal(pipeline_id, stage_id, count, sum_value(float(amount))))
    return totals


def _add(sums: _Sums, key: str, number: int, value: Decimal) -> None:
    count, amount = sums.get(key, (0, Decimal(0)))
    sums[key] = count + number, amount + value


def _applied(moved: _Sums, before: str) -> Document:
    after: Document = {}
    for key, (count, amount) in moved.items():
        parts = {"count": count, "amount": Decimal128(amount)}
        after[key] = {
            name: {"$add": [{"$ifNull": [f"{before}.{key}.{name}", 0]}, part]} for name, part in parts.items()
        }
    return {"$mergeObjects": [before, after]}


def _stored(sums: _Sums) -> Document:
    return {key: {"count": count, "amount": Decimal128(amount)} for key, (count, amount) in sums.items()}


def _decimal(value: Any) -> Decimal:
    return value.to_decimal() if isinstance(value, Decimal128) else Decimal(repr(value))


def _key(pipeline_id: str | None, stage_id: str | None, *currency: str) -> str:
    """Return a stage, and a currency, as the name of a field, in which neither dots nor dollars may stand."""
    return orjson.dumps([pipeline_id or None, stage_id or None, *currency]).hex()
