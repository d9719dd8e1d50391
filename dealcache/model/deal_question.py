"""A question for a list of deals in the terms of clients: labels, names and days. Plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date

from dealcache.model.deal_filter import NEWEST_FIRST, Order

#: The prefix of parameters and orders by own properties; the name of the property follows.
PROPERTY = "property."


@dataclass(frozen=True, slots=True)
class DealQuestion:
    """The deals that a client wants to see; None or empty for no condition.

    A field that a later version adds is left out of ``repr`` (``field(default=…, repr=False)``), so that cursors given
    out before are still valid; see :attr:`identity`.

    Args:
        words: each begins a word of the name.
        stages: labels or ids, any of which may match; ``pipelines`` and ``owners`` likewise.
        is_open: True for deals that are neither won nor lost, False for the others.
        min_amount: the least amount; ``max_amount`` the largest.
        created_since: the first day of creation; ``created_until`` the last one.
        closes_since: the first day of closing; ``closes_until`` the last one.
        idle_days: the number of days without any activity.
        has_next_activity: True for deals with a planned activity, False for the others.
        order: their order.
        properties: names of own properties, each with texts of which one must be the value.
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
    has_next_activity: bool | None = field(default=None, repr=False)
    order: Order = NEWEST_FIRST
    properties: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), repr=False)

    @property
    def identity(self) -> str:
        """A text that tells this question from any other; cursors are made with it."""
        later = [(one, getattr(self, one.name)) for one in fields(self) if not one.repr]
        return repr(self) + "".join(f"{one.name}={value!r}" for one, value in later if value != one.default)
