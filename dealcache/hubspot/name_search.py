"""Searches for many deals by their names, as few as HubSpot's limits on one search allow. Pure.

A filter with the operator IN takes many names at once, but it wants them in lower case ("Searching the CRM"), and
nobody says how HubSpot makes capitals small outside of ASCII. So names whose lower case is in doubt get a filter of
their own with EQ, for which case does not count, and which takes a group of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from dealcache.hubspot.activities import DEAL_PROPERTIES

#: The most characters of a search's body, and the most alternatives in it.
MOST_CHARACTERS = 3_000
MOST_GROUPS = 5

#: The largest page of results.
SEARCH_PAGE = 200

#: What a search for further pages says besides: where the page begins, a number below the 10,000 that can be reached.
_CURSOR = len(',"after":"9999"')


@dataclass(frozen=True, slots=True)
class NameSearch:
    """One search for the deals of some names, the last modified first.

    ``listed`` are names that one IN filter takes together, ``single`` those with an EQ filter each; all as they were
    given.
    """

    listed: tuple[str, ...] = ()
    single: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names that are searched."""
        return (*self.single, *self.listed)

    def body(self) -> dict[str, Any]:
        """The search as HubSpot wants it."""
        filters: list[dict[str, Any]] = [
            {"propertyName": "dealname", "operator": "EQ", "value": name} for name in self.single
        ]
        if self.listed:
            values = [name.lower() for name in self.listed]
            filters.append({"propertyName": "dealname", "operator": "IN", "values": values})
        return {
            "filterGroups": [{"filters": [one]} for one in filters],
            "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}],
            "properties": list(DEAL_PROPERTIES),
            "limit": SEARCH_PAGE,
        }

    def concerns(self, name: str) -> bool:
        """Whether the deals of ``name`` are among those that this search finds."""
        return any(name.lower() == one.lower() for one in self.names)

    def halves(self) -> tuple[NameSearch, NameSearch]:
        """Two searches for the same names, each for one of them at least; there must be two or more."""
        middle = len(self.names) // 2
        first, second = set(self.names[:middle]), set(self.names[middle:])
        return self._only(first), self._only(second)

    def _only(self, names: set[str]) -> NameSearch:
        listed = tuple(name for name in self.listed if name in names)
        return NameSearch(listed, tuple(name for name in self.single if name in names))

    def fits(self) -> bool:
        """Whether the search keeps HubSpot's limits."""
        groups = len(self.single) + bool(self.listed)
        return groups <= MOST_GROUPS and _size(self.body()) + _CURSOR <= MOST_CHARACTERS

    def with_listed(self, name: str) -> NameSearch:
        """This search, and one more name in its IN filter."""
        return NameSearch((*self.listed, name), self.single)

    def with_single(self, name: str) -> NameSearch:
        """This search, and one more name with a filter of its own."""
        return NameSearch(self.listed, (*self.single, name))


def plan_searches(names: Collection[str]) -> list[NameSearch]:
    """Searches that together find the deals of all ``names``, each of 1 to 512 characters; in no particular order."""
    # In an IN filter names that differ in case only are one.
    listed = {name.lower(): name for name in names if _is_certain(name)}.values()
    single = dict.fromkeys(name for name in names if not _is_certain(name))
    searches = _packed(_packed([], single, NameSearch.with_single), listed, NameSearch.with_listed)
    return [NameSearch(single=search.names) if len(search.listed) == 1 else search for search in searches]


def plan_single_searches(names: Iterable[str]) -> list[NameSearch]:
    """As :func:`plan_searches`, with an EQ filter for every name."""
    return _packed([], dict.fromkeys(names), NameSearch.with_single)


def may_be_missed(name: str) -> bool:
    """Whether an IN filter may miss deals of this name: it has letters, outside of ASCII, that may be small or not."""
    return any(not letter.isascii() and letter.lower() != letter.upper() for letter in name)


def _packed(
    searches: list[NameSearch], names: Iterable[str], extended: Callable[[NameSearch, str], NameSearch]
) -> list[NameSearch]:
    """``searches`` with ``names``, the longest first, each in the first search that has room for it, or a new one."""
    packed = list(searches)
    for name in sorted(names, key=_size, reverse=True):
        for place, search in enumerate(packed):
            larger = extended(search, name)
            if larger.fits():
                packed[place] = larger
                break
        else:
            packed.append(extended(NameSearch(), name))
    return packed


def _size(part: object) -> int:
    """How many characters ``part`` takes in a body."""
    return len(orjson.dumps(part).decode())


def _is_certain(name: str) -> bool:
    """Whether there is only one way to make the name's capitals small: letter by letter, and back again."""
    lower = name.lower()
    return lower == name.casefold() and len(lower) == len(name) and lower.upper().lower() == lower
