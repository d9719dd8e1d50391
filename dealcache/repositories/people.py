"""The people that take part in deals and activities; the collections ``contacts`` and ``companies`` have their names.

A document has HubSpot's id as its ``_id``, the ``name``, which views look up when they are made, whether HubSpot no
longer has it (``archived``), the record that it was merged into, and ``synced_at``, when HubSpot was asked for it last.
One that was never asked for has no name yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.errors import BulkWriteError

from dealcache.model.deals import LoadedDeal
from dealcache.model.invalidation import Changes
from dealcache.model.people import Person, by_object_type, person_key
from dealcache.repositories.connection import Connection, Repository
from dealcache.repositories.documents import Document, milliseconds
from dealcache.repositories.participants import ParticipantRepository
from dealcache.repositories.writes.newest_wins import write_all_newest
from dealcache.repositories.writes.unordered import lost_races

#: When people were asked for of whom nothing but the id is known.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

#: A record stays in HubSpot's recycle bin for 90 days, and may be restored; afterwards its id is forgotten too.
_RESTORABLE = timedelta(days=90)

#: The fields that a view shows.
_SHOWN = ("name", "archived", "merged_into")


class PeopleRepository(Repository):
    """Reads and writes names, and writes participants.

    An ``object_type`` is ``contacts`` or ``companies``.

    Args:
        participants: who takes part in what.
    """

    def __init__(self, connection: Connection, participants: ParticipantRepository) -> None:
        super().__init__(connection)
        self._participants = participants

    def names(self, keys: Iterable[str]) -> dict[str, Person | None]:
        """Return people by their keys, by a single query; None for those that HubSpot no longer has.

        Those of whom only the id is known are left out. One that was merged into another is returned as the other.
        """
        ids = by_object_type(set(keys))
        named = {"name": {"$exists": True}}
        companies = [{"$match": {"_id": {"$in": ids["companies"]}} | named}, {"$set": {"of": "companies"}}]
        stages: list[Document] = [{"$match": {"_id": {"$in": ids["contacts"]}} | named}]
        if ids["companies"]:
            stages.append({"$unionWith": {"coll": "companies", "pipeline": companies}})
        with self._connection.operation() as database:
            found = database.contacts.aggregate(stages).to_list()
        return {person_key(one.get("of", "contacts"), one["_id"]): _person(one) for one in found}

    def note(self, keys: Iterable[str]) -> None:
        """Note that these people take part in something, so that their names are asked for unless they are known."""
        for object_type, ids in by_object_type(set(keys)).items():
            known = self._stored(object_type, ids) if ids else {}
            if new := [{"_id": one, "synced_at": _NEVER} for one in ids if one not in known]:
                with self._connection.operation() as database:
                    try:
                        database[object_type].insert_many(new, ordered=False)
                    except BulkWriteError as error:
                        lost_races(error)  # another writer has noted them

    def save_loads(self, loads: Iterable[LoadedDeal], at: datetime) -> Changes:
        """Store the people of loads that have any, whose calls began at ``at``, and return the visible changes."""
        participants: dict[str, dict[str, tuple[str, ...]]] = {}
        read: dict[str, Person | None] = {}
        for loaded in loads:
            if loaded.people is None:
                continue
            if loaded.people.of_deal is not None:
                participants.setdefault("deals", {})[loaded.deal.deal_id] = loaded.people.of_deal
            for event in loaded.events:
                if event.participants is not None:
                    participants.setdefault(event.engagement_type, {})[event.engagement_id] = event.participants
            read |= {key: loaded.people.names[key] for key in loaded.people.read}
        changes = Changes()
        for kind, found in participants.items():
            changes.add(self.save_participants(kind, found, at))
        # Last: the former id of a merged person leads to the other if it is known by now.
        for object_type, ids in by_object_type(read).items():
            if ids:
                changes.add(self.save_people(object_type, {one: read[person_key(object_type, one)] for one in ids}, at))
        return changes

    def save_participants(self, kind: str, found: Mapping[str, tuple[str, ...]], at: datetime) -> Changes:
        """Store who takes part in records of one type, ``deals`` or that of an activity.

        Args:
            kind: the type of the records.
            found: the participants by record.
            at: the time just before HubSpot was asked.
        """
        # First: whoever takes part in something is asked for, whatever happens here.
        self.note({key for keys in found.values() for key in keys})
        return self._participants.write(kind, found, at)

    def save_people(self, object_type: str, read: Mapping[str, Person | None], at: datetime) -> Changes:
        """Store what a batch read of people told, by the ids asked for; return the deals that now show another name."""
        renamed = self.save(object_type, {one.key: one for one in read.values() if one is not None}.values(), at)
        if gone := [one for one, person in read.items() if person is None]:
            renamed |= self.note_gone(object_type, gone, at)
        return self._participants.shown_by(renamed)

    def save(self, object_type: str, people: Iterable[Person], at: datetime) -> set[str]:
        """Store people as HubSpot had them just after ``at``, unless newer versions are stored.

        Args:
            object_type: their type.
            people: the people; former ids that are known lead to them from now on.
            at: the time just before HubSpot was asked.

        Returns:
            The keys of those that views now show otherwise.
        """
        wanted = {_id_of(person): person for person in people}
        leading = {former: person for person in wanted.values() for former in person.merged_ids if former not in wanted}
        stored = self._stored(object_type, [*wanted, *leading])
        documents = [_named(one, person, None) for one, person in wanted.items()]
        documents += [_named(one, person, _id_of(person)) for one, person in leading.items() if one in stored]
        return self._write(object_type, documents, stored, at)

    def note_gone(self, object_type: str, ids: Iterable[str], at: datetime) -> set[str]:
        """Delete the names of people that HubSpot did not have at ``at``, and return the keys of those that had one.

        An id that has been gone for as long as a record may be restored is forgotten.
        """
        listed = list(ids)
        stored = self._stored(object_type, listed)
        since = {one: stored.get(one, {}).get("archived_at") or milliseconds(at) for one in listed}
        expired = [one for one, moment in since.items() if moment < at - _RESTORABLE]
        documents = [
            {"_id": one, "name": None, "archived": True, "merged_into": None, "archived_at": since[one]}
            for one in listed
            if one not in expired
        ]
        if expired:
            self._participants.forget([person_key(object_type, one) for one in expired])
            with self._connection.operation() as database:
                database[object_type].delete_many({"_id": {"$in": expired}})
        return self._write(object_type, documents, stored, at)

    def due(self, object_type: str, before: datetime, limit: int) -> list[str]:
        """Return the ids of people that were last asked for before ``before``: never asked ones, then the oldest."""
        condition = {"synced_at": {"$lt": milliseconds(before)}}
        found = self._find(object_type, condition, {"_id": 1}, sort=[("synced_at", 1), ("_id", 1)], limit=limit)
        return [document["_id"] for document in found]

    def unread(self, object_type: str, limit: int) -> list[str]:
        """Return ids of people that were never asked for."""
        return self.due(object_type, _NEVER + timedelta(milliseconds=1), limit)

    def note_asked(self, object_type: str, ids: Iterable[str], at: datetime) -> None:
        """Note that HubSpot was asked for people and did not tell; they are asked for again after all others."""
        moment, some = milliseconds(at), list(ids)
        if some:
            with self._connection.operation() as database:
                database[object_type].update_many({"_id": {"$in": some}}, {"$max": {"synced_at": moment}})

    def count(self, object_type: str) -> int:
        """Return about how many are known."""
        with self._connection.operation() as database:
            return database[object_type].estimated_document_count()

    def known(self, object_type: str, ids: Iterable[str]) -> set[str]:
        """Return those of these ids that take part in anything."""
        return set(self._stored(object_type, ids))

    def _stored(self, object_type: str, ids: Iterable[str]) -> dict[str, Document]:
        found = self._find(object_type, {"_id": {"$in": list(ids)}}, batch_size=5_000)
        return {document["_id"]: document for document in found}

    def _write(
        self, object_type: str, documents: Sequence[Document], stored: Mapping[str, Document], at: datetime
    ) -> set[str]:
        """Write documents, and return the keys of those that a view shows otherwise than it did."""
        moment, changed = milliseconds(at), set[str]()
        for document in documents:
            before = stored.get(document["_id"], {})
            if before.get("synced_at", _NEVER) <= moment and any(before.get(name) != document[name] for name in _SHOWN):
                changed.add(person_key(object_type, document["_id"]))
        if documents:
            with self._connection.operation() as database:
                write_all_newest(database[object_type], "_id", documents, moment)
        return changed


def _named(record_id: str, person: Person, merged_into: str | None) -> Document:
    return {"_id": record_id, "name": person.name, "archived": False, "merged_into": merged_into, "archived_at": None}


def _id_of(person: Person) -> str:
    return person.key.partition(":")[2]


def _person(document: Mapping[str, Any]) -> Person | None:
    if document.get("archived"):
        return None
    name, merged_into = document["name"], document.get("merged_into")
    object_type = document.get("of", "contacts")
    return Person(person_key(object_type, merged_into or document["_id"]), name if isinstance(name, str) else None)
