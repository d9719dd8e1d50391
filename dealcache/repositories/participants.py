"""The field ``with`` of deals and events: the keys of the people that take part.

It is written apart from everything else, because associations change without their records. ``with_at`` is when
HubSpot was asked for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter

from pymongo import UpdateMany
from pymongo.collection import Collection
from pymongo.database import Database

from dealcache.model.batches import batches_of
from dealcache.model.invalidation import TIMELINE, Changes
from dealcache.repositories.connection import Repository
from dealcache.repositories.documents import Document, milliseconds

#: Documents in one batch of the driver.
_BATCH = 5_000

#: Updates in one operation, and records in one update: keeps both well below the time-out of the socket.
_AT_ONCE = 200

#: Keys in one query for the deals that show them.
_KEYS = 500


class ParticipantRepository(Repository):
    """Reads and writes participants."""

    def write(self, kind: str, found: Mapping[str, tuple[str, ...]], at: datetime) -> Changes:
        """Store who takes part in deals, or in activities wherever they are, and return the visible changes.

        Args:
            kind: ``deals``, or the type of the activities.
            found: the participants, by the ids of these.
            at: the time just before HubSpot was asked; what was read later stays.
        """
        changes, due, moment = Changes(), dict[tuple[str, ...], set[str]](), milliseconds(at)
        with self._connection.operation() as database:
            collection, condition, name = _records(database, kind)
            stored = collection.find(
                condition | {name: {"$in": list(found)}},
                {"_id": 0, "deal_id": 1, name: 1, "with": 1, "with_at": 1},
                batch_size=_BATCH,
            )
            for document in stored:
                wanted = found[document[name]]
                if document.get("with") != list(wanted) and document.get("with_at", moment) <= moment:
                    changes.note(document["deal_id"], (TIMELINE,))
                    due.setdefault(wanted, set()).add(document[name])
            older = condition | {"$or": [{"with_at": {"$exists": False}}, {"with_at": {"$lte": moment}}]}
            # Many records have the same participants, most often none.
            updates = [
                UpdateMany(older | {name: {"$in": some}}, {"$set": {"with": list(wanted), "with_at": moment}})
                for wanted, ids in due.items()
                for some in batches_of(sorted(ids), _AT_ONCE)
            ]
            for part in batches_of(updates, _AT_ONCE):
                collection.bulk_write(part, ordered=False)
        return changes

    def unknown_of(self, engagement_type: str, engagement_ids: Iterable[str]) -> set[str]:
        """Return those of these engagements that have an event whose participants are unknown."""
        condition = {"engagement_type": engagement_type, "engagement_id": {"$in": list(engagement_ids)}}
        unknown = self._find("deal_timeline", condition | {"with": {"$exists": False}}, {"_id": 0, "engagement_id": 1})
        return {document["engagement_id"] for document in unknown}

    def shown_by(self, keys: Iterable[str]) -> Changes:
        """Return the deals whose timelines show one of these people."""
        changes = Changes()
        with self._connection.operation() as database:
            for some in batches_of(keys, _KEYS):
                for collection in (database.deal_info, database.deal_timeline):
                    shown: list[Document] = [{"$match": {"with": {"$in": some}}}, {"$group": {"_id": "$deal_id"}}]
                    for group in collection.aggregate(shown):
                        changes.note(group["_id"], (TIMELINE,))
        return changes

    def forget(self, keys: Iterable[str]) -> None:
        """Remove people from all deals and events."""
        gone = list(keys)
        with self._connection.operation() as database:
            for collection in (database.deal_info, database.deal_timeline):
                collection.update_many({"with": {"$in": gone}}, {"$pull": {"with": {"$in": gone}}})

    def ids_after(self, kind: str, after: str, limit: int) -> list[str]:
        """Return the next distinct ids of deals, or of activities of a type, as text; answered from an index."""
        with self._connection.operation() as database:
            collection, condition, name = _records(database, kind)
            found = collection.find(
                condition | {name: {"$gt": after}}, {"_id": 0, name: 1}, sort=[(name, 1)], batch_size=_BATCH
            )
            return [one for one, _ in islice(groupby(map(itemgetter(name), found)), limit)]


def _records(database: Database[Document], kind: str) -> tuple[Collection[Document], Document, str]:
    """Return where records of one type are: the collection, the condition for them, and the field with their ids."""
    if kind == "deals":
        return database.deal_info, {}, "deal_id"
    return database.deal_timeline, {"engagement_type": kind}, "engagement_id"
