"""Writes what HubSpot gave, as far as it is new, and tells what that changed.

The common case is a few bulk operations for the whole batch. A document that another writer touches between the
comparison and the write is done again by itself, in one operation that also gives the version which it replaced; so
nothing that really changed goes unreported, also then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from dealcache.repositories.documents import Document
from dealcache.repositories.newest_wins import lost_races, write_newest
from dealcache.repositories.write_plan import Match, is_newer, plan_writes


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch changed: the fields of the documents that are new, and the others with the version before."""

    added: list[Document] = field(default_factory=list)
    changed: list[Match] = field(default_factory=list)


def write_batch(
    collection: Collection[Document],
    key: Sequence[str],
    stored: Iterable[Document],
    wanted: Iterable[Document],
    synced_at: datetime,
) -> Written:
    """Insert what is missing, change what differs, mark the rest as seen; newer versions are left alone.

    Args:
        collection: where.
        key: the names of the fields that identify a document; a unique index guards them.
        stored: the documents as they were a moment ago.
        wanted: what HubSpot gave, each key once.
        synced_at: the time just before HubSpot was asked, in milliseconds.

    Raises:
        StoreError: other writers kept getting there first.
        PyMongoError: from the driver; the caller works inside :meth:`Connection.operation`.
    """
    plan = plan_writes(key, stored, wanted, synced_at)
    late = _insert(collection, plan.missing, synced_at)
    added = [fields for fields in plan.missing if fields not in late] if late else plan.missing
    written = Written(added, plan.changed)
    late += _change(collection, plan.changed, synced_at)
    late += _confirm(collection, plan.confirmed, synced_at)
    for fields in late:
        _note(written, write_newest(collection, key, fields, synced_at), fields, synced_at)
    return written


def _note(written: Written, before: Document | None, fields: Document, synced_at: datetime) -> None:
    if before is None:
        written.added.append(fields)
    elif not is_newer(before, fields, synced_at) and Match(before, fields).differing():
        written.changed.append(Match(before, fields))


def _insert(collection: Collection[Document], missing: Sequence[Document], synced_at: datetime) -> list[Document]:
    """Insert documents; gives back those that another writer had just inserted."""
    if not missing:
        return []
    try:
        # The driver adds an _id to the document it inserts, so it gets one of its own.
        collection.bulk_write([InsertOne({**fields, "synced_at": synced_at}) for fields in missing], ordered=False)
    except BulkWriteError as error:
        return [missing[index] for index in lost_races(error)]
    return []


def _change(collection: Collection[Document], changes: Sequence[Match], synced_at: datetime) -> list[Document]:
    """Write what differs, on condition that each document still is the version that it was compared with.

    That takes half the time of :func:`.newest_wins`. Gives back those that were not, or were changed again since.
    """
    if not changes:
        return []
    written = collection.bulk_write([_if_unchanged(change, synced_at) for change in changes], ordered=False)
    if written.matched_count == len(changes):
        return []
    seen = {document["_id"]: document for document in collection.find(_ids(changes) | {"synced_at": synced_at})}
    done = {key for change in changes if (key := change.stored["_id"]) in seen and not _differs(change, seen[key])}
    return [change.fields for change in changes if change.stored["_id"] not in done]


def _differs(change: Match, now: Document) -> bool:
    return bool(Match(now, change.fields).differing())


def _if_unchanged(change: Match, synced_at: datetime) -> UpdateOne:
    version = {name: change.stored.get(name) for name in ("_id", "hubspot_updated_at", "synced_at", "archived")}
    return UpdateOne(version, {"$set": change.differing(), "$max": {"synced_at": synced_at}})


def _confirm(collection: Collection[Document], confirmed: Sequence[Match], synced_at: datetime) -> list[Document]:
    """Mark documents as seen; gives back those that were deleted, archived or restored since they were compared."""
    late = []
    for archived in (False, True):
        same = [match for match in confirmed if bool(match.stored.get("archived")) is archived]
        if not same:
            continue
        condition = _ids(same) | {"archived": True if archived else {"$ne": True}}
        seen = collection.update_many(condition, {"$max": {"synced_at": synced_at}})
        if seen.matched_count < len(same):
            there = {document["_id"] for document in collection.find(condition, {"_id": 1})}
            late += [match.fields for match in same if match.stored["_id"] not in there]
    return late


def _ids(matches: Iterable[Match]) -> Document:
    return {"_id": {"$in": [match.stored["_id"] for match in matches]}}
