"""Writes, deletes and moves events in ``deal_timeline``.

Each function works inside :meth:`.Connection.operation` and raises the driver's errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pymongo import DeleteOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from dealcache.model.deals import FOREIGN_FIELDS, Event
from dealcache.model.invalidation import ALL_VIEWS, TIMELINE, Changes
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.documents import (
    COMPARED_EVENT,
    OWN_EVENT_FIELDS,
    Document,
    batches_of,
    event_fields,
    ids_of,
)
from dealcache.repositories.writes.batches import write_batch
from dealcache.repositories.writes.dirty_marks import DirtyMarks
from dealcache.repositories.writes.newest_wins import lost_races
from dealcache.repositories.writes.plan import Match, has_key, key_of, newest_of_each
from dealcache.repositories.writes.visible_changes import event_changes

_KEY = ("deal_id", "engagement_type", "engagement_id")
_ENGAGEMENT = ("engagement_type", "engagement_id")
_WITHOUT_TEXTS = {"content": 0, "subject": 0}
_WITHOUT = {"subject": "", "content": ""}  # an event of which MongoDB accepts no more
#: The fields by which events are counted, for lists and in sums.
_COUNTED = ("type", "occurred_at", "owner_id")
_DELETIONS = 5_000  # keeps one operation well below the time-out of the socket


def write_events(
    collection: Collection[Document],
    items: Iterable[tuple[str, Event]],
    synced_at: datetime,
    unreadable: UnreadableRecords,
    marks: DirtyMarks,
) -> Changes:
    """Write events of any deals, each unless a newer version is stored, and return the visible changes.

    Args:
        collection: the events.
        items: deal ids, each with one event.
        synced_at: the time just before HubSpot was asked, in milliseconds.
        unreadable: counts the events that MongoDB accepts only without their texts, or refuses.
        marks: those of this process.
    """
    wanted = newest_of_each(_KEY, [event_fields(deal_id, event) for deal_id, event in items])
    if not wanted:
        return Changes()
    stored = collection.find(_of_engagements(wanted), COMPARED_EVENT, batch_size=len(wanted) + 1)
    with marks.writing(collection.database) as writing:

        def before(new: Sequence[Document], changed: Sequence[Match]) -> None:
            ids = {fields["deal_id"] for fields in new}
            writing.mark(ids | {match.fields["deal_id"] for match in changed if _counts_otherwise(match)})

        written = write_batch(collection, _KEY, stored, wanted, synced_at, _WITHOUT, before)
    for refused in (*written.lessened, *written.refused):
        unreadable.note(refused["engagement_type"], refused["engagement_id"], "MongoDB does not accept all of it")
    return event_changes(written)


def _counts_otherwise(match: Match) -> bool:
    return any(match.stored.get(name) != match.fields[name] for name in _COUNTED)


def _of_engagements(documents: Iterable[Mapping[str, str]]) -> Document:
    """Return the condition for these engagements in every deal.

    By engagement, because an engagement has few deals while a deal may have any number of engagements.
    """
    ids: dict[str, set[str]] = {}
    for document in documents:
        ids.setdefault(document["engagement_type"], set()).add(document["engagement_id"])
    kinds = [{"engagement_type": kind, "engagement_id": {"$in": list(of_kind)}} for kind, of_kind in ids.items()]
    return kinds[0] if len(kinds) == 1 else {"$or": kinds}


def delete_events(
    collection: Collection[Document],
    condition: Document,
    before: datetime,
    marks: DirtyMarks,
    only: set[tuple[str, str, str]] | None = None,
) -> Changes:
    """Delete events that were not confirmed at ``before`` or later, and return the changes.

    Args:
        collection: the events.
        condition: holds for the events.
        before: in milliseconds.
        marks: those of this process.
        only: the keys (deal id, engagement type, engagement id) to delete; None for all.
    """
    changes = Changes()
    unconfirmed: Document = {"synced_at": {"$lt": before}}
    found = collection.find(condition | unconfirmed, dict.fromkeys(_KEY, 1)).to_list()
    meant = [one for one in found if only is None or (has_key(_KEY, one) and key_of(_KEY, one) in only)]
    for batch in batches_of(meant, _DELETIONS):
        with marks.writing(collection.database) as writing:
            writing.mark(ids_of(batch))
            collection.delete_many({"_id": {"$in": [document["_id"] for document in batch]}} | unconfirmed)
    for deal_id in set(ids_of(meant)):
        changes.note(deal_id, ALL_VIEWS)
    return changes


def remove_events(
    collection: Collection[Document], keys: Iterable[tuple[str, str, str]], before: datetime, marks: DirtyMarks
) -> Changes:
    """Do what :func:`delete_events` does for single events, each given by its key."""
    meant = set(keys)
    if not meant:
        return Changes()
    engagements = _of_engagements([dict(zip(_KEY, key, strict=True)) for key in meant])
    return delete_events(collection, engagements, before, marks, meant)


def adopt_events(
    collection: Collection[Document], deal_id: str, former_ids: Iterable[str], marks: DirtyMarks
) -> Changes:
    """Move the events of deals that were merged into ``deal_id`` to it, with the fields of other systems.

    If it already has an engagement, that document stays and takes over the fields of other systems that it lacks. An
    interrupted move is continued by the next call.
    """
    former = [former_id for former_id in former_ids if former_id != deal_id]
    found = [one for one in collection.find({"deal_id": {"$in": former}}, _WITHOUT_TEXTS) if has_key(_ENGAGEMENT, one)]
    if not found:
        return Changes()
    held = {
        key_of(_ENGAGEMENT, document): document
        for document in collection.find({"deal_id": deal_id}, _WITHOUT_TEXTS)
        if has_key(_ENGAGEMENT, document)
    }
    moved: list[Document] = []
    doubled: list[Document] = []
    for document in found:
        known = key_of(_ENGAGEMENT, document) in held
        (doubled if known else moved).append(document)
        held.setdefault(key_of(_ENGAGEMENT, document), document)
    givers = {document["deal_id"] for document in found}
    with marks.writing(collection.database) as writing:
        writing.mark({deal_id, *givers} if moved else givers)
        doubled += _move(collection, moved, deal_id)
        _give_foreign_fields(collection, doubled, deal_id)
    changes = Changes()
    for former_id in givers:
        changes.note(former_id, ALL_VIEWS)
    if moved:
        changes.note(deal_id, ALL_VIEWS)
    elif any(name in document for document in doubled for name in FOREIGN_FIELDS):
        changes.note(deal_id, (TIMELINE,))
    return changes


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
        own = dict(zip(_KEY, (deal_id, *key_of(_ENGAGEMENT, document)), strict=True))
        if foreign:
            # Later fields win, so the document keeps those that it has.
            operations.append(UpdateOne(own, [{"$replaceWith": {"$mergeObjects": [{"$literal": foreign}, "$$ROOT"]}}]))
        # Another process may have just moved it; then it is the deal's own by now.
        operations.append(DeleteOne({"_id": document["_id"], "deal_id": document["deal_id"]}))
    if operations:
        collection.bulk_write(operations, ordered=True)
