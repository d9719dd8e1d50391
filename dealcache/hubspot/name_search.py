"""Plans the searches for deals by their names, as few as HubSpot's limits on one search allow. Pure.

A filter with the operator IN takes many names at once, but needs them in lower case ("Searching the CRM"), and how
HubSpot lower-cases outside of ASCII is not documented. So a name whose lower case is in doubt gets a filter of its own
with EQ, which ignores case, in a group of its own.

Both compare the whole value, including a blank at its end and the Unicode normal form. So a name that is not found is
searched once more, by its words; the caller compares the names of the deals found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from unicodedata import normalize

from dealcache.hubspot.activities import DEAL_PROPERTIES
from dealcache.hubspot.search_limits import (
    MOST_FILTERS,
    MOST_FILTERS_PER_GROUP,
    MOST_GROUPS,
    SEARCH_PAGE,
    fits,
    size,
)
from dealcache.model.deals import name_key

_WORD = re.compile(r"(?P<before>\S?)(?<!\w)(?P<word>\w+)(?=(?P<after>\S?))")

#: The most names that are searched by their words.
MOST_BY_WORDS = 10
_LONGEST_OF_MANY = 100

#: Its capital has two lower-case forms; the other one is used at the end of words.
_SIGMA = "σ"

#: Shorter ones with a "*" are in too many names.
_SHORTEST_PART = 2
_LONGEST_PART = 50


@dataclass(frozen=True, slots=True)
class NameSearch:
    """One search for the deals of some names, the last modified first.

    ``listed`` are names that one IN filter takes together, ``single`` those with an EQ filter each, ``worded`` those
    that are searched by their words; all as they were given.
    """

    listed: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    worded: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names searched."""
        return (*self.single, *self.listed, *self.worded)

    def body(self, properties: Sequence[str] = DEAL_PROPERTIES) -> dict[str, Any]:
        """Return the request body; ``properties`` are those wanted of each deal."""
        groups: list[list[dict[str, Any]]] = [
            [{"propertyName": "dealname", "operator": "EQ", "value": name}] for name in self.single
        ]
        if self.listed:
            values = [name.lower() for name in self.listed]
            groups.append([{"propertyName": "dealname", "operator": "IN", "values": values}])
        # A single name may use all filters of a group: fewer other deals have all those words.
        most = MOST_FILTERS_PER_GROUP if len(self.worded) == 1 else MOST_FILTERS // MOST_GROUPS
        groups += [
            [{"propertyName": "dealname", "operator": "CONTAINS_TOKEN", "value": word} for word in words(name)[:most]]
            for name in self.worded
        ]
        return {
            "filterGroups": [{"filters": group} for group in groups],
            "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}],
            "properties": list(properties),
            "limit": SEARCH_PAGE,
        }

    def concerns(self, name: str) -> bool:
        """Return True if the deals of ``name`` are among those that this search finds."""
        return name_key(name) in map(name_key, self.names)

    def halves(self) -> tuple[NameSearch, NameSearch]:
        """Return two searches for the same names, each for at least one of them; there must be two or more."""
        middle = len(self.names) // 2
        first, second = set(self.names[:middle]), set(self.names[middle:])
        return self._only(first), self._only(second)

    def _only(self, names: set[str]) -> NameSearch:
        listed = tuple(name for name in self.listed if name in names)
        single = tuple(name for name in self.single if name in names)
        return NameSearch(listed, single, tuple(name for name in self.worded if name in names))


def plan_searches(names: Collection[str]) -> list[NameSearch]:
    """Return searches that together find the deals of all ``names``, each of 1 to 512 characters."""
    # Names that differ only in case are one in an IN filter.
    listed = {name.lower(): name for name in names if _is_certain(name)}.values()
    single = dict.fromkeys(name for name in names if not _is_certain(name))
    searches = _packed(_packed([], "single", single), "listed", listed)
    return [NameSearch(single=search.names) if len(search.listed) == 1 else search for search in searches]


def plan_single_searches(names: Iterable[str]) -> list[NameSearch]:
    """Return the same as :func:`plan_searches`, with an EQ filter for every name."""
    return _packed([], "single", dict.fromkeys(names))


def plan_further_searches(names: Collection[str]) -> list[NameSearch]:
    """Return searches that may find deals of ``names`` that HubSpot has with white space around them, or in NFD.

    A few names are searched by their words, so that it may be any white space. Of many names only five fit into such a
    search: they are searched with the usual white space around them instead, a hundred by a few searches, and long
    ones or those whose lower case is in doubt not again.
    """
    if len(names) > MOST_BY_WORDS:
        short = [name for name in names if len(name) <= _LONGEST_OF_MANY]
        return plan_searches([one for name in short for one in _variants(name) if _is_certain(one)])
    single = [one for name in names for one in (forms(name)[1:] if words(name) else _variants(name))]
    worded = dict.fromkeys(name for name in names if words(name))
    return _packed(plan_single_searches(single), "worded", worded)


def forms(name: str) -> tuple[str, ...]:
    """Return the normal forms of ``name``, which HubSpot takes for different names, the usual one first."""
    return tuple(dict.fromkeys((normalize("NFC", name), normalize("NFD", name))))


def _variants(name: str) -> tuple[str, ...]:
    return (*forms(name)[1:], f"{name} ", f" {name}", f"{name}\u00a0")


def words(name: str) -> list[str]:
    """Return the tokens by which CONTAINS_TOKEN finds ``name``, the most selective first.

    Where HubSpot divides words is not documented: "O'Brien" may be one or two. So a ``*`` replaces anything but a blank
    beside a word, and letters with several forms: "Crème" becomes ``cr*``.
    """
    found: dict[str, int] = {}
    for match in _WORD.finditer(normalize("NFC", name)):
        plain = max(_plain_parts(match["word"]), key=len)
        part = plain[:_LONGEST_PART]
        before = "*" if match["before"] or not match["word"].startswith(plain) else ""
        after = "*" if match["after"] or not match["word"].endswith(plain) or part != plain else ""
        if len(part) >= (_SHORTEST_PART if before or after else 1):
            found[before + part.casefold() + after] = len(part)
    return sorted(found, key=lambda word: (found[word], "*" not in word), reverse=True)


def _plain_parts(word: str) -> list[str]:
    return "".join(letter if _is_plain(letter) else " " for letter in word).split(" ")


def _is_plain(letter: str) -> bool:
    """Return True if the letter has one normal form and one lower case."""
    lower = letter.lower()
    one_small = lower == letter.casefold() and lower.upper().lower() == lower and lower != _SIGMA
    return one_small and normalize("NFD", letter) == letter


def may_be_missed(name: str) -> bool:
    """Return True if an IN filter may miss deals of this name: it has cased letters outside of ASCII."""
    return any(not letter.isascii() and letter.lower() != letter.upper() for letter in name)


def _packed(
    searches: list[NameSearch], by: Literal["listed", "single", "worded"], names: Iterable[str]
) -> list[NameSearch]:
    """Return ``searches`` with ``names``, the longest first, each in the first search with room, or a new one."""
    packed = list(searches)
    for name in sorted(names, key=size, reverse=True):
        for place, search in enumerate(packed):
            larger = replace(search, **{by: (*getattr(search, by), name)})
            if fits(larger.body()):
                packed[place] = larger
                break
        else:
            packed.append(NameSearch(**{by: (name,)}))
    return packed


def _is_certain(name: str) -> bool:
    """Return True if the name's lower case is unambiguous: letter by letter, and back again."""
    lower = name.lower()
    return lower == name.casefold() and len(lower) == len(name) and lower.upper().lower() == lower
