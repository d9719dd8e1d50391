"""The filters of searches, and the steps through all results of one. Pure.

HubSpot's search returns 10,000 results at most, and its pages are offsets into an order that changes meanwhile. So each
page here is a search of its own, for ids above the last one seen: however many records share one modified date, and
whatever changes meanwhile, each matching record that does not change is found exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.search_limits import any_of
from dealcache.model.timestamps import LATEST, in_utc

#: Filters that must all hold, in HubSpot's form.
Group = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start``, included, to ``end``, left out."""

    start: datetime
    end: datetime

    def of(self, property_name: str) -> list[dict[str, Any]]:
        """Return the filters for records whose date ``property_name`` is in the window."""
        return [
            {"propertyName": property_name, "operator": "GTE", "value": _milliseconds(self.start)},
            {"propertyName": property_name, "operator": "LT", "value": _milliseconds(self.end)},
        ]


def modified_in(window: Window) -> list[Group]:
    """Records that were modified in a window."""
    return [window.of("hs_lastmodifieddate")]


def on_or_modified_in(window: Window) -> list[Group]:
    """Activities that happen, or were modified, in a window."""
    return [window.of("hs_timestamp"), window.of("hs_lastmodifieddate")]


def in_stages(stage_ids: Iterable[str], also: Group = ()) -> list[list[Group]]:
    """Deals in one of some stages for which ``also`` holds, as searches for as many stages as HubSpot takes."""
    return [[[one, *also]] for one in any_of("dealstage", stage_ids)]


def beyond(groups: Sequence[Group], last_id: str | None) -> list[Group]:
    """The same, but only records with an id above ``last_id``; None for all."""
    if last_id is None:
        return list(groups)
    above = {"propertyName": "hs_object_id", "operator": "GT", "value": last_id}
    return [[*group, above] for group in groups]


def last_of(ids: Sequence[str], last_id: str | None) -> str | None:
    """The id after which the next page begins.

    Args:
        ids: those of the page, in the order in which they came.
        last_id: where the page began.

    Raises:
        MalformedAnswer: the ids do not rise, so that pages might never end, or some might be left out.
    """
    numbers = [int(one) if one.isascii() and one.isdigit() else -1 for one in ids]
    before = -1 if last_id is None else int(last_id)
    if (numbers and numbers[0] <= before) or any(later < earlier for earlier, later in pairwise(numbers)):
        raise MalformedAnswer("the ids of a search do not rise")
    return ids[-1] if ids else last_id


def days(first: date, last: date, zone: tzinfo) -> Window:
    """The window from the start of day ``first`` to the end of day ``last``, as days are in ``zone``."""
    start = datetime.combine(first, time.min, zone)
    if last == date.max:
        return Window(in_utc(start), LATEST)
    return Window(in_utc(start), in_utc(datetime.combine(last + timedelta(days=1), time.min, zone)))


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
