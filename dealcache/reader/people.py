"""Names of people: as MongoDB has them, asked for by id when a view is made, and as the timeline shows them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dealcache.model.deals import Event
from dealcache.model.people import DealPeople, Participants, Person
from dealcache.repositories import StoreError

log = logging.getLogger(__name__)

#: A person as JSON.
Shown = Mapping[str, Any]


class PeopleDirectory:
    """Finds names. Thread-safe.

    Args:
        read: returns people by their keys, None for those that HubSpot no longer has; raises StoreError.
    """

    def __init__(self, read: Callable[[Iterable[str]], Mapping[str, Person | None]]) -> None:
        self._read = read

    def known(self, keys: Iterable[str]) -> Mapping[str, Person | None]:
        """Return the people that MongoDB knows of these; none while it fails."""
        try:
            return self._read(keys)
        except StoreError as failure:
            log.warning("the names of people are read from HubSpot again: %s", failure)
            return {}

    def of(self, participants: Participants, events: Sequence[Event]) -> DealPeople:
        """Return the people of a deal and its events, by one query at most.

        Raises:
            StoreError: MongoDB failed.
        """
        keys = {key for event in events for key in event.participants or ()}.union(participants or ())
        return DealPeople(participants, self._read(keys) if keys else {})


class ShownPeople:
    """The people of one view. A view has few people and names them often, so each is made once.

    Args:
        names: people by their keys, None for those that HubSpot no longer has.
    """

    def __init__(self, names: Mapping[str, Person | None]) -> None:
        self._names = names
        self._shown: dict[str, tuple[str, Shown] | None] = {}

    def of(self, keys: Iterable[str]) -> list[Shown]:
        """Return the people of these keys, each once, in this order; without those that HubSpot no longer has."""
        found = (self._of_key(key) for key in keys)
        return list(dict(one for one in found if one is not None).values())

    def _of_key(self, key: str) -> tuple[str, Shown] | None:
        if key not in self._shown:
            # Of one who was never read only the id is known.
            person = self._names.get(key, Person(key, None))
            self._shown[key] = None if person is None else (person.key, _view(person))
        return self._shown[key]


def _view(person: Person) -> Shown:
    person_type, _, record_id = person.key.partition(":")
    return {"type": person_type, "id": record_id, "name": person.name}
