"""Stores the people that loads of deals have found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from dealcache.model.deals import LoadedDeal
from dealcache.model.invalidation import Changes
from dealcache.model.people import Person, by_object_type, person_key
from dealcache.repositories.participants import ParticipantRepository
from dealcache.repositories.people import PeopleRepository


class PeopleStore:
    """Writes participants and names. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        participants: who takes part in what.
        people: their names.
    """

    def __init__(self, participants: ParticipantRepository, people: PeopleRepository) -> None:
        self._participants = participants
        self._people = people

    def save(self, loads: Iterable[LoadedDeal], at: datetime) -> Changes:
        """Store the people of loads that have any, whose calls began at ``at``, and return the visible changes."""
        of_deals: dict[str, tuple[str, ...]] = {}
        of_events: dict[str, dict[str, tuple[str, ...]]] = {}
        read: dict[str, Person | None] = {}
        for loaded in loads:
            if loaded.people is None:
                continue
            if loaded.people.of_deal is not None:
                of_deals[loaded.deal.deal_id] = loaded.people.of_deal
            for event in loaded.events:
                if event.participants is not None:
                    of_events.setdefault(event.engagement_type, {})[event.engagement_id] = event.participants
            read |= {key: loaded.people.names[key] for key in loaded.people.read}
        changes = self.save_participants("deals", of_deals, at) if of_deals else Changes()
        for kind, found in of_events.items():
            changes.add(self.save_participants(kind, found, at))
        # Last: the former id of a merged person leads to the other if it is known by now.
        changes.add(self._save_names(read, at))
        return changes

    def save_participants(self, kind: str, found: Mapping[str, tuple[str, ...]], at: datetime) -> Changes:
        """Store who takes part in records of one type, ``deals`` or that of an activity.

        Args:
            kind: the type of the records.
            found: the participants by record.
            at: the time just before HubSpot was asked.
        """
        # First: whoever takes part in something is asked for, whatever happens here.
        self._people.note({key for keys in found.values() for key in keys})
        if kind == "deals":
            return self._participants.write_deals(found, at)
        return self._participants.write_events(kind, found, at)

    def save_people(self, object_type: str, read: Mapping[str, Person | None], at: datetime) -> Changes:
        """Store what a batch read of people told, by the ids asked for; return the deals that now show another name."""
        changes = Changes()
        for shown in self._participants.shown_by(self._save_read(object_type, read, at)):
            changes.add(shown)
        return changes

    def _save_names(self, read: Mapping[str, Person | None], at: datetime) -> Changes:
        changes = Changes()
        for object_type, ids in by_object_type(read).items():
            found = {one: read[person_key(object_type, one)] for one in ids}
            if found:
                changes.add(self.save_people(object_type, found, at))
        return changes

    def _save_read(self, object_type: str, read: Mapping[str, Person | None], at: datetime) -> set[str]:
        there = {person.key: person for person in read.values() if person is not None}
        changed = self._people.save(object_type, there.values(), at)
        gone = [one for one, person in read.items() if person is None]
        return changed | self._people.note_gone(object_type, gone, at) if gone else changed
