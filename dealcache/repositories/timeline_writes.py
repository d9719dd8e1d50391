"""How events get into ``deal_timeline`` and out of it again.

Each function works inside :meth:`.Connection.operation` and raises the driver's errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from pymongo import DeleteOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from dealcache.changes import ALL_VIEWS, TIMELINE, Changes
from dealcache.deals import FOREIGN_FIELDS, Event
from dealcache.repositories.batch_writes import write_batch
from dealcache.repositories.documents import (
    COMPARED_EVENT,
    OWN_EVENT_FIELDS,
    Document,
    event_fields,
)
from dealcache.repositories.newest_wins import lost_races
from dealcache.repositories.visible_changes import event_changes
from dealcache.repositories.write_plan import key_of, newest_of_each

_KEY = ("deal_id", "engagement_type", "engagement_id")
_ENGAGEMENT = ("engagement_type", "engagement_id")
_WITHOUT_TEXTS = {"content": 0, "subject": 0}
_DELETIONS = 5_000  # keeps one operation well below the time-out of the socket


def write_events(collection: Collection[Document], items: Iterable[tuple[str, Event]], synced_at: datetime) -> Changes:
    """Write events of any deals, each unless a newer version is stored.

    Args:
        collection: the events.
        items: deal ids, each with one event.
        synced_at: the time just before HubSpot was asked, in milliseconds.

    Returns:
        The deals that are seen to have changed.
    """
    wanted = newest_of_each(_KEY, [event_fields(deal_id, event) for deal_id, event in items])
    if not wanted:
        return Changes()
    stored = collection.find(_of_engagements(wanted), COMPARED_EVENT, batch_size=len(wanted) + 1)
    return event_changes(write_batch(collection, _KEY, stored, wanted, synced_at))


def _of_engagements(documents: Iterable[Mapping[str, str]]) -> Document:
    """The condition for these engagements in every deal.

    By engagement rather than by deal, because an engagement has few deals while a deal has any number of engagements.
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
    only: set[tuple[str, str, str]] | None = None,
) -> Changes:
    """Delete the events for which ``condition`` holds and that were not confirmed at ``before`` or later.

    Args:
        collection: the events.
        condition: which events.
        before: in milliseconds.
        only: the keys (deal id, engagement type, engagement id) of those that are meant, when not all are.

    Returns:
        The deals that had any.
    """
    changes = Changes()
    unconfirmed: Document = {"synced_at": {"$lt": before}}
    found = collection.find(condition | unconfirmed, dict.fromkeys(_KEY, 1)).to_list()
    meant = [document for document in found if only is None or key_of(_KEY, document) in only]
    for batch in _batches(meant, _DELETIONS):
        collection.delete_many({"_id": {"$in": [document["_id"] for document in batch]}} | unconfirmed)
    for deal_id in {document["deal_id"] for document in meant}:
        changes.note(deal_id, ALL_VIEWS)
    return changes


def _batches(documents: Sequence[Document], size: int) -> Iterator[Sequence[Document]]:
    return (documents[start : start + size] for start in range(0, len(documents), size))


def remove_events(collection: Collection[Document], keys: Iterable[tuple[str, str, str]], before: datetime) -> Changes:
    """Delete single events that were not confirmed at ``before`` or later.

    Args:
        collection: the events.
        keys: deal id, engagement type and engagement id of each.
        before: in milliseconds.
    """
    meant = set(keys)
    if not meant:
        return Changes()
    engagements = _of_engagements([dict(zip(_KEY, key, strict=True)) for key in meant])
    return delete_events(collection, engagements, before, meant)


def adopt_events(collection: Collection[Document], deal_id: str, former_ids: Iterable[str]) -> Changes:
    """Make the events of other deals those of ``deal_id``, with all that other systems have written to them.

    An engagement that the deal has already is kept as it is, but for what it lacks of those fields. A move that
    breaks off goes on at the next call.

    Args:
        collection: the events.
        deal_id: HubSpot's id of the deal that the others were merged into.
        former_ids: the ids of the others.
    """
    former = [former_id for former_id in former_ids if former_id != deal_id]
    found = collection.find({"deal_id": {"$in": former}}, _WITHOUT_TEXTS).to_list()
    if not found:
        return Changes()
    held = {
        key_of(_ENGAGEMENT, document): document for document in collection.find({"deal_id": deal_id}, _WITHOUT_TEXTS)
    }
    moved: list[Document] = []
    doubled: list[Document] = []
    for document in found:
        known = key_of(_ENGAGEMENT, document) in held
        (doubled if known else moved).append(document)
        held.setdefault(key_of(_ENGAGEMENT, document), document)
    doubled += _move(collection, moved, deal_id)
    _give_foreign_fields(collection, doubled, deal_id)
    changes = Changes()
    for former_id in {document["deal_id"] for document in found}:
        changes.note(former_id, ALL_VIEWS)
    if moved:
        changes.note(deal_id, ALL_VIEWS)
    elif any(name in document for document in doubled for name in FOREIGN_FIELDS):
        changes.note(deal_id, (TIMELINE,))
    return changes


def _move(collection: Collection[Document], documents: Sequence[Document], deal_id: str) -> list[Document]:
    """Make these the documents of ``deal_id``; gives back those whose engagement it has got meanwhile."""
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
    """Delete these documents after ``deal_id``'s own of the same engagements have got what they lack of theirs."""
    operations: list[UpdateOne | DeleteOne] = []
    for document in documents:
        foreign = {name: value for name, value in document.items() if name not in OWN_EVENT_FIELDS}
        own = dict(zip(_KEY, (deal_id, *key_of(_ENGAGEMENT, document)), strict=True))
        if foreign:
            # What comes later wins: the document keeps whatever it has.
            operations.append(UpdateOne(own, [{"$replaceWith": {"$mergeObjects": [{"$literal": foreign}, "$$ROOT"]}}]))
        # It may just have been moved by another process: then it is the deal's own by now.
        operations.append(DeleteOne({"_id": document["_id"], "deal_id": document["deal_id"]}))
    if operations:
        collection.bulk_write(operations, ordered=True)
