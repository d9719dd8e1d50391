"""Chooses the indexes for lists of deals. Pure.

MongoDB's planner would try all indexes of lists each time, because all begin with the same field, and would reuse the
plan for a rare word for one that is in most names. Here the number of deals that match is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dealcache.model.deal_filter import Order
from dealcache.repositories.documents import Document
from dealcache.repositories.lists.indexes import (
    NO_INDEX,
    PLACE_INDEX,
    PROPERTY_INDEX,
    SORTS,
    WORDS_INDEX,
    keys_of,
    sort_of,
)
from dealcache.repositories.lists.query import Part

#: MongoDB's time, in milliseconds, to skip or sort a key of an index, and to read a deal for that.
_KEY_MS, _DEAL_MS = 0.001, 0.002

#: The shortest time, in milliseconds, after which another way is tried.
_PATIENCE_MS = 5


@dataclass(frozen=True, slots=True)
class Way:
    """A way to read the first deals of an order.

    Args:
        index: the index to read by.
        by_keys: True if the keys of the index hold everything needed for filter and order, but in another order: the
            matching keys are sorted without reading the deals.
    """

    index: str
    by_keys: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan for reading a page.

    Args:
        way: the way to read it.
        instead: the way to use if that takes longer than ``milliseconds``; None for no other.
        milliseconds: how long ``way`` may take.
    """

    way: Way
    instead: Way | None = None
    milliseconds: int = 0


def plan_of(
    parts: Sequence[Part],
    order: Order,
    limit: int,
    matching: int,
    deals: int,
    *,
    far: bool = False,
    begins: bool = False,
) -> Plan:
    """Return how to read a page.

    Args:
        parts: those of the filter.
        order: the order of the page.
        limit: how many deals there are on it.
        matching: how many deals match.
        deals: how many there are.
        far: True if the deals that match are known to be far away in this order.
        begins: True if it is known where they begin in it, so that they are probably not far from there.
    """
    sort = sort_of(order)
    in_order = Way(sort.index)
    others = [part for part in parts if part.index != sort.index]
    if all(part.index == NO_INDEX for part in others):
        return Plan(in_order)
    each = _KEY_MS if all(part.fields <= keys_of(sort.index) for part in others) else _DEAL_MS
    walking = each * min(deals, (limit + 1) * deals / max(matching, 1))
    index = _covering(parts) if len(parts) > 1 else others[0].index
    fields = frozenset((sort.field,)).union(*(part.fields for part in parts))
    sorted_ = Way(index, by_keys=fields <= keys_of(index) and index != WORDS_INDEX)
    sorting = (_KEY_MS if sorted_.by_keys else _DEAL_MS) * matching
    if begins:
        # They are rarely far from there, so a busy MongoDB gets more time before all that match are sorted for nothing.
        return Plan(in_order, sorted_, max(_PATIENCE_MS, int(sorting / 2)))
    # The index of one of several parts may find much more than matches all of them: a short walk is more certain.
    is_short = len(parts) > 1 and walking <= _PATIENCE_MS
    if far or (sorting < walking and not is_short):
        several = Plan(sorted_, in_order, max(_PATIENCE_MS, int(walking)))
        return several if len(parts) > 1 and not far else Plan(sorted_)
    patience = (4 if is_short else 2) * walking
    return Plan(in_order, sorted_, max(_PATIENCE_MS, int(sorting / 4), int(patience)))


#: May begin with whatever has just changed, and go on anywhere.
LAST_CHANGED = Order("updated", descending=True)

#: The orders by days, of which the deals that match days of one kind may all be far away from the beginning.
_DAYS = frozenset(sort.index for sort in SORTS.values() if sort.kind.name == "date")


@dataclass(frozen=True, slots=True)
class Asked:
    """Deals whose amounts are added up.

    Args:
        conditions: those that an index answers, or for which deals are read.
        index: the index.
        of_places: further conditions, on stages and pipelines alone, for the sums of each stage and pipeline.
    """

    conditions: Sequence[Document]
    index: str
    of_places: Sequence[Document] = ()


def total_conditions(parts: Sequence[Part]) -> Sequence[Asked]:
    """Return the deals whose totals, added up, are those of a filter.

    Several where one condition with two ranges would take MongoDB longer than two with one range each.
    """
    if not parts:
        return [Asked([], PLACE_INDEX)]
    index = _covering(parts)
    of_places = [part.condition for part in parts if _is_apart(part, index, parts)]
    others = [part for part in parts if not _is_apart(part, index, parts)]
    conditions = [part.condition for part in others]
    for place, part in enumerate(others):
        if part.pieces:
            rest = conditions[:place] + conditions[place + 1 :]
            return [Asked([piece, *rest], index, of_places) for piece in part.pieces]
    return [Asked(conditions, index, of_places)]


def _is_apart(part: Part, index: str, parts: Sequence[Part]) -> bool:
    """Return True if a part is for the sums of stages and pipelines.

    In the index of an order these come after the ids, of which each has but one deal. Looking for a stage there
    MongoDB begins anew at each of them, which takes three times as long as adding up all stages.
    """
    by_id = index.startswith(PROPERTY_INDEX) or any(index == sort.index for sort in SORTS.values())
    return part.index == PLACE_INDEX and by_id and all(other.fields <= keys_of(index) for other in parts)


def _covering(parts: Sequence[Part]) -> str:
    """Return the index that answers most of the parts by its keys; of several the first."""
    return max(parts, key=lambda part: sum(other.fields <= part.keys for other in parts)).index


def begins_elsewhere(asked: Sequence[Asked], order: Order | None) -> bool:
    """Return True if deals that are added up may all be far from the beginning of an order.

    Where they begin is then worth knowing. It takes MongoDB half as long as adding them up, by the same index, and a
    fifth of putting them in order.
    """
    if order is None or len(asked) > 1 or asked[0].of_places:
        return False
    index, sort = asked[0].index, sort_of(order)
    return {index, sort.index} <= _DAYS and index != sort.index and sort.field in keys_of(index)
