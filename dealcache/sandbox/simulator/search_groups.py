"""A group of a search's filters made ready: which records to look at, and whether one passes."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from dealcache.sandbox.simulator.records import Properties, RecordStore
from dealcache.sandbox.simulator.search_conditions import Condition, Filter
from dealcache.sandbox.simulator.timestamps import to_iso, to_milliseconds

# Before and after every time that HubSpot writes: such texts sort like the times they stand for.
_EARLIEST, _LATEST = "", "~"


@dataclass(frozen=True, slots=True)
class Group:
    """Filters that must all pass. ``since`` and ``until`` bound the modified date, both included."""

    conditions: Sequence[Condition]
    since: str = _EARLIEST
    until: str = _LATEST

    def passes(self, record_id: int, properties: Properties) -> bool:
        """Return True if a record passes, by its id and its properties."""
        # What every record has, also a contact, whose clients know it by another name.
        if not self.since <= (properties["hs_lastmodifieddate"] or "") <= self.until:
            return False
        return all(one.test(record_id, properties) for one in self.conditions)

    def candidates(self, store: RecordStore) -> Set[int] | None:
        """Ids of the only records that can pass, None if any can."""
        narrow = [one.ids for one in self.conditions if one.ids is not None]
        if narrow:
            return min(narrow, key=len)
        if (self.since, self.until) == (_EARLIEST, _LATEST):
            return None
        return store.modified_between(self.since, self.until)


def modified_span(name: str, filters: Sequence[Filter]) -> tuple[str, str, list[Filter]]:
    """Return what a group's filters say about the modified date.

    Args:
        name: the property with the modified date.
        filters: those of one group.

    Returns:
        The earliest and the latest date that passes, and the filters that are about something else.

    Raises:
        ValueError: a value is no time.
    """
    since, until, rest = _EARLIEST, _LATEST, []
    for one in filters:
        span = _span(name, one)
        if span is None:
            rest.append(one)
        else:
            since, until = max(since, span[0]), min(until, span[1])
    return since, until, rest


def _span(name: str, one: Filter) -> tuple[str, str] | None:
    """The first and the last date that pass, None for a filter that is not of that sort."""
    if one.property != name or one.operator not in ("EQ", "BETWEEN", "GT", "GTE", "LT", "LTE"):
        return None
    times = [to_milliseconds(value) for value in one.values]
    if one.operator in ("LT", "LTE"):
        return _EARLIEST, to_iso(times[0] - (one.operator == "LT"))
    first = to_iso(times[0] + (one.operator == "GT"))
    return first, _LATEST if one.operator in ("GT", "GTE") else to_iso(times[-1])
