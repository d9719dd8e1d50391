"""The rows of the summary of activities: pure functions from sums of activities by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from dealcache.model.labels import UNKNOWN_OWNER, Labels
from dealcache.repositories import Series

Row = dict[str, Any]

#: Numbers by row, and then by type.
Table = Mapping[Any, Mapping[str, int]]

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def week_of(day: int) -> int:
    """Return the Monday of a day's week (ISO 8601), both as ordinals; the calendar begins with a Monday."""
    return day - (day - 1) % 7


@lru_cache(maxsize=100_000)  # some centuries; a sum of a million activities asks for each day many times
def month_of(day: int) -> int:
    """Return the first day of a day's month, both as ordinals."""
    return date.fromordinal(day).replace(day=1).toordinal()


_PERIODS: Mapping[str, Callable[[int], int]] = {"week": week_of, "month": month_of}


def table_of(by: str, series: Iterable[Series]) -> Table:
    """Return the number of activities of each type by week, month, owner or type.

    Args:
        by: one of :data:`.activity_summary.GROUPINGS`; weeks and months are given by their first days.
        series: the activities; with their owners if these are asked for.
    """
    table: defaultdict[Any, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    if by not in _PERIODS:
        for one in series:
            table[one.owner if by == "owner" else one.type][one.type] += sum(one.counts)
        return table
    for kind, days in _by_day(series).items():
        for day, number in days.items():
            table[_PERIODS[by](day)][kind] += number
    return table


def _by_day(series: Iterable[Series]) -> Mapping[str, Mapping[int, int]]:
    """Return the number of activities by type and day."""
    # Not a Counter, which takes twice as long for each of some hundred thousand days.
    types: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for one in series:
        days = types[one.type]
        for day, number in zip(one.days, one.counts):  # noqa: B905 - of one length, which takes time to check
            days[day] += number
    return types


def rows_of(by: str, table: Table, labels: Labels) -> list[Row]:
    """Return the rows of a table: weeks and months in the order of time, others by number, the most first."""
    if by in _PERIODS:
        name = _week if by == "week" else _month
        return [_row(*name(date.fromordinal(day)), table[day]) for day in sorted(table) if any(table[day].values())]
    rows = [_row(*_named(by, key, labels), None, counts) for key, counts in table.items() if any(counts.values())]
    return sorted(rows, key=lambda row: (-row["count"], row["label"], row["key"] or ""))


def _row(key: str | None, label: str, start: str | None, counts: Mapping[str, int]) -> Row:
    by_type = {kind: number for kind, number in sorted(counts.items()) if number}
    return {"key": key, "label": label, "start": start, "count": sum(by_type.values()), "by_type": by_type}


def _week(monday: date) -> tuple[str, str, str]:
    year, week, _ = monday.isocalendar()
    return f"{year:04d}-W{week:02d}", f"Week {week}, {year}", monday.isoformat()


def _month(first: date) -> tuple[str, str, str]:
    return f"{first.year:04d}-{first.month:02d}", f"{_MONTHS[first.month - 1]} {first.year}", first.isoformat()


def _named(by: str, key: str, labels: Labels) -> tuple[str | None, str]:
    if by == "type":
        return key, key
    return key or None, labels.owners.get(key) or UNKNOWN_OWNER
