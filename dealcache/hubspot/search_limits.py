"""The limits of one search, and filters that keep them. Pure.

Every search is checked by :func:`excess` before it is sent; many values or names are divided by :func:`any_of` or
:func:`fits`.

Source: HubSpot's guide "Searching the CRM"; that IN takes a hundred values is known from public connectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

MOST_GROUPS = 5
MOST_FILTERS_PER_GROUP = 6
MOST_FILTERS = 18
MOST_VALUES = 100
MOST_CHARACTERS = 3_000

#: The largest page of results.
SEARCH_PAGE = 200

#: Characters of a search kept free for everything beside one IN filter: bounds of a date and an id, the sort, the
#: properties of any type.
_CHARACTERS_BESIDE = 1_000

#: Part of a search for further pages: where the page begins, a number below the 10,000 that can be reached.
_CURSOR = {"after": "9999"}

Filter = Mapping[str, Any]


def excess(body: Mapping[str, Any]) -> str | None:
    """Return the limit that a search's body exceeds, None if HubSpot takes it."""
    groups = [group["filters"] for group in body.get("filterGroups", ())]
    counts = [
        (len(groups), MOST_GROUPS, "groups of filters"),
        (max(map(len, groups), default=0), MOST_FILTERS_PER_GROUP, "filters in a group"),
        (sum(map(len, groups)), MOST_FILTERS, "filters"),
        (max((len(one.get("values", ())) for group in groups for one in group), default=0), MOST_VALUES, "values"),
        (size(body), MOST_CHARACTERS, "characters"),
    ]
    return next((f"{count} {what}, {most} at most" for count, most, what in counts if count > most), None)


def fits(body: Mapping[str, Any]) -> bool:
    """Return True if a search keeps the limits, on its further pages too."""
    return excess({**body, **_CURSOR}) is None


def any_of(property_name: str, values: Iterable[str]) -> list[Filter]:
    """Return filters that together take all ``values``, each for a search of its own.

    Beside each there is room for filters of two dates and an id in the same group.
    """
    lists: list[list[str]] = []
    for value in dict.fromkeys(values):
        if lists and _has_room(_in_filter(property_name, [*lists[-1], value])):
            lists[-1].append(value)
        else:
            lists.append([value])
    return [_in_filter(property_name, one) for one in lists]


def size(part: object) -> int:
    """Return the number of characters that ``part`` takes in a body."""
    return len(orjson.dumps(part).decode())


def _in_filter(property_name: str, values: Sequence[str]) -> Filter:
    if len(values) == 1:
        return {"propertyName": property_name, "operator": "EQ", "value": values[0]}
    return {"propertyName": property_name, "operator": "IN", "values": list(values)}


def _has_room(one: Filter) -> bool:
    return len(one["values"]) <= MOST_VALUES and size(one) <= MOST_CHARACTERS - _CHARACTERS_BESIDE
