"""Maps contacts and companies, and reads who takes part in deals and activities. Pure but for the calls passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dealcache.hubspot.json_validation import Fields, Json, id_in
from dealcache.hubspot.mapping import full_name, merged_ids
from dealcache.hubspot.pages import AssociationPage, all_associations
from dealcache.model.people import Person, person_key

#: The longest name that is kept, in characters; HubSpot takes 65,536.
LONGEST_NAME = 300

#: The most people of one type that are kept for a record, and the pages of 100 that they take: an e-mail may go to any
#: number of contacts.
MOST_PEOPLE, _MOST_PAGES = 1_000, 10

#: Reads a page of associations of each of some records, from the cursor on that is given with it.
ReadPage = Callable[[Mapping[str, str | None]], AssociationPage]


def person_of(object_type: str, record: Json, unreadable: list[str] | None = None) -> Person:
    """Return the person that ``record`` describes: one of ``contacts`` or ``companies``.

    The name of a contact is the first and last name, or else the e-mail address; that of a company its name, or else
    its domain.

    Raises:
        MalformedAnswer: it has no id.
    """
    faults = [] if unreadable is None else unreadable
    properties = Fields(record, faults, "record").object("properties")
    record_id = id_in(record)
    parts = ("firstname", "lastname", "email") if object_type == "contacts" else ("name", "", "domain")
    name = " ".join(full_name(properties, *parts).split())[:LONGEST_NAME].rstrip()
    return Person(person_key(object_type, record_id), name or None, merged_ids(properties, record_id))


def participants_of(read: ReadPage, object_type: str, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read which people of one type take part in some records of one type, at most 1,000.

    Args:
        read: reads one page of the associations of records with those people.
        object_type: the type of the people.
        ids: the records.

    Returns:
        The keys of the people by record, :data:`MOST_PEOPLE` at most; without records that HubSpot refuses to tell
        about.
    """
    associated, unknown = all_associations(read, ids, _MOST_PAGES)
    return {
        one: tuple(sorted((person_key(object_type, person) for person in people), key=_place)[:MOST_PEOPLE])
        for one, people in associated.items()
        if one not in unknown
    }


def _place(key: str) -> tuple[int, str]:
    """Return the place of a key: ids are digits, the longer the higher."""
    return len(key), key
