"""Chooses the indexes for lists of deals. Pure.

MongoDB's planner would try all indexes of lists each time, because each begins with the same field, and remembers for a
word that is in most names what was right for a rare one. The number of deals that match is known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dealcache.model.deal_filter import Order
from dealcache.repositories.deal_list_query import INDEX_KEYS, PLACE_INDEX, SORTS, Part
from dealcache.repositories.documents import Document

#: What MongoDB takes, in milliseconds, to pass over a key of an index, and to read a deal and judge or sort it.
_KEY_MS, _DEAL_MS = 0.001, 0.004

#: The least time, in milliseconds, after which another index is tried.
_PATIENCE_MS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan for reading a page.

    Args:
        index: the index to read by.
        instead: the index to read by when that takes longer than ``milliseconds``; None for no other.
        milliseconds: how long ``index`` may take.
    """

    index: str
    instead: str | None = None
    milliseconds: int = 0


def plan_of(parts: Sequence[Part], order: Order, limit: int, matching: int, deals: int) -> Plan:
    """Return how to read a page.

    Args:
        parts: those of the filter.
        order: the order of the page.
        limit: how many deals there are on it.
        matching: how many deals match.
        deals: how many there are.
    """
    sort = SORTS[order.sort]
    others = [part for part in parts if part.index != sort.index]
    if not others:
        return Plan(sort.index)
    keys = INDEX_KEYS[sort.index]
    each = _KEY_MS if all(part.fields <= keys for part in others) else _DEAL_MS
    in_order = each * min(deals, (limit + 1) * deals / max(matching, 1))
    sorting = _DEAL_MS * matching
    if sorting >= in_order:
        return Plan(sort.index, others[0].index, max(_PATIENCE_MS, int(sorting / 2)))
    # What the index of one of several parts finds may be much more than what matches all of them.
    several = Plan(_covering(parts), sort.index, max(_PATIENCE_MS, int(in_order)))
    return several if len(parts) > 1 else Plan(others[0].index)


def total_conditions(parts: Sequence[Part]) -> Iterable[tuple[list[Document], str | None]]:
    """Return the conditions whose totals, added up, are those of a filter, each with the index that answers it.

    Several where one condition with two ranges would take MongoDB longer than two with one range each.
    """
    if not parts:
        return [([], PLACE_INDEX)]
    conditions = [part.condition for part in parts]
    index = _covering(parts)
    for place, part in enumerate(parts):
        if part.pieces:
            rest = conditions[:place] + conditions[place + 1 :]
            return [([piece, *rest], index) for piece in part.pieces]
    return [(conditions, index)]


def _covering(parts: Sequence[Part]) -> str:
    """Return the index that answers most of the parts by its keys; of several the first."""
    return max(parts, key=lambda part: sum(other.fields <= part.keys for other in parts)).index
