"""Writes, deletes and moves events in ``deal_timeline``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pymongo import DeleteOne, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from dealcache.model.batches import batches_of
from dealcache.model.deals import FOREIGN_FIELDS, Event
from dealcache.model.invalidation import ALL_VIEWS, TIMELINE, Changes
from dealcache.repositories.connection import Connection, Repository
from dealcache.repositories.documents import (
    COMPARED_EVENT,
    EVENT_KEY,
    OWN_EVENT_FIELDS,
    Document,
    event_fields,
    ids_of,
    milliseconds,
)
from dealcache.repositories.writes.batches import insert, write_batch
from dealcache.repositories.writes.dirty_marks import DirtyMarks
from dealcache.repositories.writes.plan import Match, has_key, key_of, newest_of_each
from dealcache.repositories.writes.unordered import lost_races
from dealcache.repositories.writes.visible_changes import event_changes

_ENGAGEMENT = ("engagement_type", "engagement_id")
_WITHOUT_TEXTS = {"content": 0, "subject": 0}
_WITHOUT = {"subject": "", "content": ""}  # an event of which MongoDB accepts no more
#: The fields by which events are counted, for lists and in sums.
_COUNTED = ("type", "occurred_at", "owner_id")

#: Events to write or delete, and deals to sweep, in one operation, which stays well below the time-out of the socket.
_EVENTS_AT_ONCE, _DEALS_AT_ONCE = 5_000, 200


class EventWriter(Repository):
    """Writes events.

    Deals whose events a method changes in number, type or time are marked, and must be settled by the caller; see
    :class:`.DealSummaries`.

    Args:
        marks: those of this process.
    """

    def __init__(self, connection: Connection, marks: DirtyMarks | None = None) -> None:
        super().__init__(connection)
        self._marks = marks or DirtyMarks()

    def replace(self, timelines: Mapping[str, Iterable[Event]], read_started_at: datetime) -> Changes:
        """Replace the stored events of deals by those of a complete load, unless newer, and return the visible changes.

        A document's ``synced_at`` is when HubSpot was asked for the version that confirmed it last. All events of this
        load get ``read_started_at``, the time just before the load's first call; older ones are not among them and are
        deleted. So a slow older load never deletes the events of a newer one.
        """
        changes = Changes()
        items = ((deal_id, event) for deal_id, events in timelines.items() for event in events)
        for batch in batches_of(items, _EVENTS_AT_ONCE):
            changes.add(self.write(batch, read_started_at))
        changes.add(self.sweep(timelines, read_started_at))
        return changes

    def write(self, items: Iterable[tuple[str, Event]], synced_at: datetime, *, probably_new: bool = False) -> Changes:
        """Add, change or confirm single events, unless newer versions are stored, and return the visible changes.

        Args:
            items: deal ids, each with one event.
            synced_at: the time just before HubSpot was asked for the events.
            probably_new: True if hardly any of them is stored: they are inserted, and looked up only if that fails.
        """
        read_at, added = milliseconds(synced_at), list[Document]()
        wanted = newest_of_each(EVENT_KEY, [event_fields(deal_id, event) for deal_id, event in items])
        if not wanted:
            return Changes()
        with self._connection.operation() as database:
            events = database.deal_timeline
            with self._marks.writing(database) as writing:

                def before(new: Sequence[Document], changed: Sequence[Match]) -> None:
                    ids = {fields["deal_id"] for fields in new}
                    writing.mark(ids | {match.fields["deal_id"] for match in changed if _counts_otherwise(match)})

                if probably_new:
                    before(wanted, ())
                    added, wanted = insert(events, wanted, {"synced_at": read_at})
                stored = wanted and events.find(_of_engagements(wanted), COMPARED_EVENT, batch_size=len(wanted) + 1)
                written = write_batch(events, EVENT_KEY, stored, wanted, read_at, before, _WITHOUT)
        written.added.extend(added)
        for refused in (*written.lessened, *written.refused):
            self._connection.unreadable.note(
                refused["engagement_type"], refused["engagement_id"], "MongoDB does not accept all of it"
            )
        return event_changes(written)

    def confirm(self, keys: Iterable[tuple[str, str, str]], at: datetime) -> None:
        """Keep stored events whose present version at HubSpot could not be read at ``at``.

        Args:
            keys: deal id, engagement type and engagement id of each; those that are not stored are skipped.
            at: the time just before HubSpot was asked for the events.
        """
        seen = {"$max": {"synced_at": milliseconds(at)}}
        updates = [UpdateOne(dict(zip(EVENT_KEY, key, strict=True)), seen) for key in keys]
        if updates:
            with self._connection.operation() as database:
                database.deal_timeline.bulk_write(updates, ordered=False)

    def sweep(self, deal_ids: Iterable[str], moment: datetime, types: Iterable[str] | None = None) -> Changes:
        """Delete events not confirmed by a reading that began at ``moment`` or later, and return the changes.

        Args:
            deal_ids: the deals whose events these are.
            moment: the time just before HubSpot was asked.
            types: only these engagement types; None for all.
        """
        changes = Changes()
        of_types: Document = {} if types is None else {"engagement_type": {"$in": list(types)}}
        for batch in batches_of(deal_ids, _DEALS_AT_ONCE):
            changes.add(self._delete({"deal_id": {"$in": batch}} | of_types, moment))
        return changes

    def remove(self, keys: Iterable[tuple[str, str, str]], before: datetime) -> Changes:
        """Delete single events not confirmed by a reading that began at ``before`` or later, and return the changes.

        Args:
            keys: deal id, engagement type and engagement id of each.
            before: the time just before HubSpot was asked.
        """
        meant = set(keys)
        if not meant:
            return Changes()
        engagements = _of_engagements([dict(zip(EVENT_KEY, key, strict=True)) for key in meant])
        return self._delete(engagements, before, meant)

    def remove_engagements(self, engagement_type: str, engagement_ids: Iterable[str], before: datetime) -> Changes:
        """Do what :meth:`remove` does for engagements of one type, in every deal."""
        return self._delete(of_engagement_type(engagement_type, engagement_ids), before)

    def _delete(self, condition: Document, moment: datetime, only: set[tuple[str, str, str]] | None = None) -> Changes:
        """Delete the events for which ``condition`` holds, of these keys if ``only`` is given; see :meth:`sweep`."""
        changes = Changes()
        unconfirmed: Document = {"synced_at": {"$lt": milliseconds(moment)}}
        with self._connection.operation() as database:
            events = database.deal_timeline
            found = events.find(condition | unconfirmed, dict.fromkeys(EVENT_KEY, 1)).to_list()
            meant = [
                one for one in found if only is None or (has_key(EVENT_KEY, one) and key_of(EVENT_KEY, one) in only)
            ]
            for batch in batches_of(meant, _EVENTS_AT_ONCE):
                with self._marks.writing(database) as writing:
                    writing.mark(ids_of(batch))
                    events.delete_many({"_id": {"$in": [document["_id"] for document in batch]}} | unconfirmed)
        for deal_id in set(ids_of(meant)):
            changes.note(deal_id, ALL_VIEWS)
        return changes

    def adopt(self, deal_id: str, former_ids: Iterable[str]) -> Changes:
        """Move the events of deals that were merged into ``deal_id`` to it, and return the visible changes.

        They keep the fields of other systems. If the deal already has an engagement, that document stays and takes over
        the fields of other systems that it lacks. An interrupted move is continued by the next call.
        """
        former = [former_id for former_id in former_ids if former_id != deal_id]
        with self._connection.operation() as database:
            found = _with_engagements(database, {"deal_id": {"$in": former}})
            if not found:
                return Changes()
            held = {key_of(_ENGAGEMENT, document) for document in _with_engagements(database, {"deal_id": deal_id})}
            moved: list[Document] = []
            doubled: list[Document] = []
            for document in found:
                key = key_of(_ENGAGEMENT, document)
                (doubled if key in held else moved).append(document)
                held.add(key)
            givers = {document["deal_id"] for document in found}
            with self._marks.writing(database) as writing:
                writing.mark({deal_id, *givers} if moved else givers)
                doubled += _move(database.deal_timeline, moved, deal_id)
                _give_foreign_fields(database.deal_timeline, doubled, deal_id)
        changes = Changes()
        for former_id in givers:
            changes.note(former_id, ALL_VIEWS)
        if moved:
            changes.note(deal_id, ALL_VIEWS)
        elif any(name in document for document in doubled for name in FOREIGN_FIELDS):
            changes.note(deal_id, (TIMELINE,))
        return changes


def of_engagement_type(engagement_type: str, engagement_ids: Iterable[str]) -> Document:
    """Return the condition for engagements of one type in every deal."""
    return {"engagement_type": engagement_type, "engagement_id": {"$in": list(engagement_ids)}}


def _of_engagements(documents: Iterable[Mapping[str, str]]) -> Document:
    """Return the condition for these engagements in every deal.

    By engagement, because an engagement has few deals while a deal may have any number of engagements.
    """
    ids: dict[str, set[str]] = {}
    for document in documents:
        ids.setdefault(document["engagement_type"], set()).add(document["engagement_id"])
    kinds = [of_engagement_type(kind, of_kind) for kind, of_kind in ids.items()]
    return kinds[0] if len(kinds) == 1 else {"$or": kinds}


def _counts_otherwise(match: Match) -> bool:
    return any(match.stored.get(name) != match.fields[name] for name in _COUNTED)


def _with_engagements(database: Database[Document], condition: Document) -> list[Document]:
    found = database.deal_timeline.find(condition, _WITHOUT_TEXTS)
    return [document for document in found if has_key(_ENGAGEMENT, document)]


def _move(collection: Collection[Document], documents: Sequence[Document], deal_id: str) -> list[Document]:
    """Move documents to ``deal_id``; return those whose engagement it has received meanwhile."""
    if not documents:
        return []
    moves = [
        UpdateOne({"_id": document["_id"], "deal_id": document["deal_id"]}, {"$set": {"deal_id": deal_id}})
        for document in documents
    ]
    try:
        collection.bulk_write(moves, ordered=False)
    except BulkWriteError as error:
        return [documents[index] for index in lost_races(error)]
    return []


def _give_foreign_fields(collection: Collection[Document], documents: Iterable[Document], deal_id: str) -> None:
    """Copy foreign fields to ``deal_id``'s own documents of the same engagements; delete these documents."""
    operations: list[UpdateOne | DeleteOne] = []
    for document in documents:
        foreign = {name: value for name, value in document.items() if name not in OWN_EVENT_FIELDS}
        own = dict(zip(EVENT_KEY, (deal_id, *key_of(_ENGAGEMENT, document)), strict=True))
        if foreign:
            # Later fields win, so the document keeps those that it has.
            operations.append(UpdateOne(own, [{"$replaceWith": {"$mergeObjects": [{"$literal": foreign}, "$$ROOT"]}}]))
        # Another process may have just moved it; then it is the deal's own by now.
        operations.append(DeleteOne({"_id": document["_id"], "deal_id": document["deal_id"]}))
    if operations:
        collection.bulk_write(operations, ordered=True)
