"""A question for a list of deals in the terms of clients: labels, names and days. Plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from dealcache.model.deal_filter import NEWEST_FIRST, Order


@dataclass(frozen=True, slots=True)
class DealQuestion:
    """The deals that a client wants to see; None or empty for no condition.

    Args:
        words: each begins a word of the name.
        stages: labels or ids, any of which may match; ``pipelines`` and ``owners`` likewise.
        is_open: True for deals that are neither won nor lost, False for the others.
        min_amount: the least amount; ``max_amount`` the largest.
        created_since: the first day of creation; ``created_until`` the last one.
        closes_since: the first day of closing; ``closes_until`` the last one.
        idle_days: the number of days without any activity.
        order: their order.
    """

    words: tuple[str, ...] = ()
    stages: Sequence[str] = ()
    pipelines: Sequence[str] = ()
    owners: Sequence[str] = ()
    is_open: bool | None = None
    min_amount: float | None = None
    max_amount: float | None = None
    created_since: date | None = None
    created_until: date | None = None
    closes_since: date | None = None
    closes_until: date | None = None
    idle_days: int | None = None
    order: Order = NEWEST_FIRST
