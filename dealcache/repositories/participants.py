"""The field ``with`` of deals and events: the keys of the people that take part.

It is written apart from everything else, because associations change without their records. ``with_at`` is when
HubSpot was asked for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter

from pymongo import UpdateMany
from pymongo.collection import Collection

from dealcache.model.invalidation import TIMELINE, Changes
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, batches_of, ids_of, milliseconds

#: Documents in one batch of the driver.
_BATCH = 5_000

#: Updates in one operation, and records in one update: keeps both well below the time-out of the socket.
_AT_ONCE = 200

#: Keys in one query for the deals that show them.
_KEYS = 500


class ParticipantRepository:
    """Reads and writes participants. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write_events(self, engagement_type: str, found: Mapping[str, tuple[str, ...]], at: datetime) -> Changes:
        """Store who takes part in some engagements, in every deal, and return the visible changes.

        Args:
            engagement_type: the type of them all.
            found: the participants, by engagement id.
            at: the time just before HubSpot was asked; what was read later stays.
        """
        with self._connection.operation() as database:
            condition = {"engagement_type": engagement_type}
            return _write(database.deal_timeline, condition, "engagement_id", found, milliseconds(at))

    def write_deals(self, found: Mapping[str, tuple[str, ...]], at: datetime) -> Changes:
        """Store who takes part in some deals themselves; see :meth:`write_events`."""
        with self._connection.operation() as database:
            return _write(database.deal_info, {}, "deal_id", found, milliseconds(at))

    def unknown_of(self, engagement_type: str, engagement_ids: Iterable[str]) -> set[str]:
        """Return those of these engagements that have an event whose participants are unknown."""
        condition = {"engagement_type": engagement_type, "engagement_id": {"$in": list(engagement_ids)}}
        with self._connection.operation() as database:
            found = database.deal_timeline.find(
                condition | {"with": {"$exists": False}}, {"_id": 0, "engagement_id": 1}
            )
            return {document["engagement_id"] for document in found}

    def shown_by(self, keys: Iterable[str]) -> Iterator[Changes]:
        """Yield the deals whose timelines show one of these people, some people at a time."""
        for some in batches_of(keys, _KEYS):
            changes, condition = Changes(), {"with": {"$in": some}}
            with self._connection.operation() as database:
                for collection in (database.deal_info, database.deal_timeline):
                    for group in collection.aggregate([{"$match": condition}, {"$group": {"_id": "$deal_id"}}]):
                        changes.note(group["_id"], (TIMELINE,))
            if changes:
                yield changes

    def forget(self, keys: Iterable[str]) -> None:
        """Remove people from all deals and events."""
        gone = list(keys)
        with self._connection.operation() as database:
            for collection in (database.deal_info, database.deal_timeline):
                collection.update_many({"with": {"$in": gone}}, {"$pull": {"with": {"$in": gone}}})

    def engagements_after(self, engagement_type: str, after: str, limit: int) -> list[str]:
        """Return the next distinct engagement ids of a type, in the order of text. Answered from an index."""
        condition = {"engagement_type": engagement_type, "engagement_id": {"$gt": after}}
        with self._connection.operation() as database:
            names = {"_id": 0, "engagement_id": 1}
            found = database.deal_timeline.find(condition, names, batch_size=_BATCH).sort("engagement_id", 1)
            return [one for one, _ in islice(groupby(map(itemgetter("engagement_id"), found)), limit)]

    def deals_after(self, after: str, limit: int) -> list[str]:
        """Return the next ids of deals, in the order of text. Answered from an index."""
        condition = {"deal_id": {"$gt": after}}
        with self._connection.operation() as database:
            found = database.deal_info.find(condition, {"_id": 0, "deal_id": 1}, limit=limit).sort("deal_id", 1)
            return ids_of(found)


def _write(
    collection: Collection[Document],
    condition: Document,
    id_field: str,
    found: Mapping[str, tuple[str, ...]],
    at: datetime,
) -> Changes:
    """Store participants by the id in ``id_field``; return the deals that now show others."""
    changes, due = Changes(), dict[tuple[str, ...], set[str]]()
    stored = collection.find(
        condition | {id_field: {"$in": list(found)}},
        {"_id": 0, "deal_id": 1, id_field: 1, "with": 1, "with_at": 1},
        batch_size=_BATCH,
    )
    for document in stored:
        record_id = document[id_field]
        wanted = found[record_id]
        if document.get("with") != list(wanted) and document.get("with_at", at) <= at:
            changes.note(document["deal_id"], (TIMELINE,))
            due.setdefault(wanted, set()).add(record_id)
    older = {"$or": [{"with_at": {"$exists": False}}, {"with_at": {"$lte": at}}]}
    # Many records have the same participants, most often none.
    updates = [
        UpdateMany(condition | {id_field: {"$in": list(some)}} | older, {"$set": {"with": list(wanted), "with_at": at}})
        for wanted, ids in due.items()
        for some in batches_of(sorted(ids), _AT_ONCE)
    ]
    for part in batches_of(updates, _AT_ONCE):
        collection.bulk_write(part, ordered=False)
    return changes
