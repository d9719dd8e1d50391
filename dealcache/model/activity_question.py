"""A question for the number of activities in the terms of clients: labels, names and days. Plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

#: The groupings by which activities may be counted.
GROUPINGS = ("week", "month", "owner", "type")


@dataclass(frozen=True, slots=True)
class ActivityQuestion:
    """The activities to count, and by what; None or empty for no condition.

    Args:
        by: one of :data:`GROUPINGS`.
        since: the first day; ``until`` the last one.
        stages: labels or ids of stages of their deals, any of which may match.
        owners: names or ids of the activities' owners, likewise.
    """

    by: str = "week"
    since: date | None = None
    until: date | None = None
    stages: Sequence[str] = ()
    owners: Sequence[str] = ()
