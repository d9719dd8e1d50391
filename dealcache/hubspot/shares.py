"""Which slots fall to one worker when all begin to count for themselves.

Each worker has its part of every slot that was free, and of every one that frees from then on. So the slots are put in
the order in which they free, and every n-th is for one worker: it may make its first call when n slots have become
free, its second when twice as many have. Together the workers then never have more slots than there are, whoever had
used them up before.

Nothing here waits, locks or reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def occupied_until(now: float, used: int, frees: Sequence[float], period: float) -> list[float]:
    """Until when slots are occupied, of which it is known that there are ``used`` now, and was known when they free.

    Args:
        now: when ``used`` was counted, in seconds of a monotonic clock.
        used: how many slots are occupied.
        frees: when those free that were occupied some time before, in ascending order.
        period: seconds for which a slot is occupied.

    Returns:
        As many moments as slots are occupied, in ascending order. Those that were not yet occupied before are taken to
        be as late as can be.
    """
    known = [moment for moment in frees if moment > now]
    return known[max(0, len(known) - used) :] + [now + period] * (used - len(known))


def slots_of_one(now: float, limit: int, frees: Sequence[float], period: float, workers: int) -> list[float]:
    """When the slots of one worker become free that are not free now.

    Args:
        now: the present, in seconds of a monotonic clock.
        limit: how many slots there are.
        frees: when those free that were occupied as last heard, in ascending order.
        period: seconds for which a slot is occupied.
        workers: how many workers share the slots.

    Returns:
        Moments after ``now`` in ascending order, at most as many as one worker has slots. A slot that has become free
        since last heard counts as taken again by another worker at that very moment.
    """
    occupied = sorted(_after(now, moment, period) for moment in frees[-limit:])
    slots = [now] * (limit - len(occupied)) + occupied
    if workers > limit:
        rounds, index = divmod(workers - 1, limit)
        return [slots[index] + period * rounds]
    return [moment for moment in slots[workers - 1 :: workers] if moment > now]


def later_of(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    """When slots free that must be free by both of two lists, each in ascending order."""
    length = max(len(ones), len(others))
    padded = ([-math.inf] * (length - len(moments)) + list(moments) for moments in (ones, others))
    return [max(pair) for pair in zip(*padded, strict=True)]


def _after(now: float, moment: float, period: float) -> float:
    """The first of ``moment``, a period later, and so on, which lies after ``now``."""
    return moment if moment > now else moment + period * (math.floor((now - moment) / period) + 1)
