"""Names of people as MongoDB has them: asked for by id when a view is made, and kept nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from dealcache.model.deals import Event
from dealcache.model.people import DealPeople, Participants, Person
from dealcache.repositories import StoreError

log = logging.getLogger(__name__)


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
