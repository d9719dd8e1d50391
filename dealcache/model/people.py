"""People: the contacts and companies that take part in deals and activities. Plain values.

A person is named by a key, such as ``contact:51``: ids are unique only within their type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: HubSpot's object name of each type of person.
PEOPLE_TYPES: Mapping[str, str] = {"contact": "contacts", "company": "companies"}

_TYPE_OF = {object_type: person_type for person_type, object_type in PEOPLE_TYPES.items()}

#: The participants of a deal or an activity, as keys of people; None if they are unknown.
Participants = tuple[str, ...] | None


def person_key(object_type: str, record_id: str) -> str:
    """Return the key of a record of HubSpot's ``contacts`` or ``companies``."""
    return f"{_TYPE_OF[object_type]}:{record_id}"


def by_object_type(keys: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids of people by HubSpot's object name; what is no key of a person is left out."""
    found: dict[str, list[str]] = {object_type: [] for object_type in _TYPE_OF}
    for key in keys:
        person_type, _, record_id = key.partition(":")
        if person_type in PEOPLE_TYPES and record_id:
            found[PEOPLE_TYPES[person_type]].append(record_id)
    return found


@dataclass(frozen=True, slots=True)
class Person:
    """A contact or a company.

    ``name`` is None if HubSpot has none that could be shown. ``merged_ids`` are the ids of records that were merged
    into it: they lead to it for good.
    """

    key: str
    name: str | None
    merged_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DealPeople:
    """The people of a deal and its events, as far as they are known.

    ``of_deal`` are the participants of the deal itself. ``names`` has people by their keys, None for those that HubSpot
    no longer has; ``read`` are the keys of those that were read from HubSpot just now.
    """

    of_deal: Participants = None
    names: Mapping[str, Person | None] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
