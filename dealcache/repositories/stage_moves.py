"""The effect of changed deals on the number of deals in each stage and the sum of their amounts. Pure.

Amounts are added up as decimal numbers, so that a deal that comes and goes leaves no rounding error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from bson import Decimal128

from dealcache.repositories.amounts import sum_value
from dealcache.repositories.documents import Document

_TEXT_OR_NONE = frozenset((str, type(None)))
_NUMBERS = frozenset((int, float))

#: The fields of a deal that its stage's totals depend on.
COUNTED_FIELDS = ("pipeline_id", "stage_id", "amount", "archived")


@dataclass(frozen=True, slots=True)
class StageTotal:
    """The number of deals in a stage and the sum of their amounts; ``label`` if an earlier version stored one."""

    pipeline_id: str | None
    stage_id: str | None
    count: int
    amount: float
    label: str | None = None


class StageMoves:
    """The deals that come into stages and leave them by one change."""

    def __init__(self) -> None:
        self._moved: dict[str, tuple[int, Decimal]] = {}
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
        pipeline_id, stage_id, amount, archived = (deal.get(name) for name in COUNTED_FIELDS)
        if archived is True:
            return
        known = amount is None or (type(amount) in _NUMBERS and math.isfinite(amount))
        if not known or not _TEXT_OR_NONE.issuperset((type(pipeline_id), type(stage_id))):
            self.forget()  # another system's value, whose treatment by MongoDB is unknown
            return
        key = _key(pipeline_id, stage_id)
        count, total = self._moved.get(key, (0, Decimal(0)))
        self._moved[key] = count + number, total + number * Decimal(repr(amount or 0))

    def applied_to(self, stages: str) -> Document:
        """Return the expression for the sums after the change; ``stages`` is that of the sums before."""
        moved: Document = {}
        for key, (count, amount) in self._moved.items():
            parts = {"count": count, "amount": Decimal128(amount)}
            moved[key] = {
                name: {"$add": [{"$ifNull": [f"{stages}.{key}.{name}", 0]}, part]} for name, part in parts.items()
            }
        return {"$mergeObjects": [stages, moved]}


def kept(totals: Iterable[StageTotal]) -> Document:
    """Return totals as they are stored."""
    sums: dict[str, tuple[int, Decimal]] = {}
    for one in totals:
        key = _key(one.pipeline_id, one.stage_id)
        count, amount = sums.get(key, (0, Decimal(0)))
        sums[key] = count + one.count, amount + Decimal(repr(one.amount))
    return {key: {"count": count, "amount": Decimal128(amount)} for key, (count, amount) in sums.items()}


def read_kept(stages: Mapping[str, Any]) -> list[StageTotal]:
    """Return stored totals; stages without deals are left out."""
    totals = []
    for key, one in stages.items():
        pipeline_id, stage_id = orjson.loads(bytes.fromhex(key))
        if one["count"]:
            totals.append(StageTotal(pipeline_id, stage_id, int(one["count"]), float(sum_value(one["amount"]))))
    return totals


def _key(pipeline_id: str | None, stage_id: str | None) -> str:
    """Return a stage as the name of a field, in which neither dots nor dollars may stand."""
    return orjson.dumps([pipeline_id or None, stage_id or None]).hex()
