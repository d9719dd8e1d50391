"""Writes batches of documents and reports what changed.

The common case is a few bulk operations for the whole batch. A document that another writer changes between the
comparison and the write is written again by itself, in one operation that also returns the version it replaced, so that
no change goes unreported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from dealcache.repositories.connection import UNSTORABLE, StoreError
from dealcache.repositories.documents import FORMER_LABELS, REMOVABLE_FIELDS, SUMMED, SUMMED_BY, Document
from dealcache.repositories.writes.newest_wins import write_newest
from dealcache.repositories.writes.plan import Match, is_newer, plan_writes
from dealcache.repositories.writes.unordered import REFUSALS, update_together, write_unordered


@dataclass(frozen=True, slots=True)
class Written:
    """The documents of a batch that are new, and those that changed with their former versions.

    ``inserted`` are the new ones that no other writer was inserting at the same time. MongoDB refused the ``refused``,
    and accepted the ``lessened`` only without some of their fields. ``is_as_planned`` is False if some were written
    alone: then a document may be among the changed ones twice, or without a change.
    """

    added: list[Document] = field(default_factory=list)
    changed: list[Match] = field(default_factory=list)
    refused: list[Document] = field(default_factory=list)
    lessened: list[Document] = field(default_factory=list)
    inserted: Sequence[Document] = ()
    is_as_planned: bool = True


def write_batch(
    collection: Collection[Document],
    key: Sequence[str],
    stored: Iterable[Document],
    wanted: Iterable[Document],
    synced_at: datetime,
    before: Callable[[Sequence[Document], Sequence[Match]], None],
    lesser: Document | None = None,
    first: Document | None = None,
) -> Written:
    """Insert what is missing, change what differs, mark the rest as seen; newer versions are left alone.

    A document that MongoDB refuses holds up none of the others.

    Args:
        collection: the collection.
        key: the names of the fields that identify a document; a unique index guards them.
        stored: the documents as they were a moment ago.
        wanted: HubSpot's versions, each key once.
        synced_at: the time just before HubSpot was asked, in milliseconds.
        before: called before documents are inserted or changed, with the new ones and those that differ. A document
            that another writer touches may be among either.
        lesser: replacements for fields that MongoDB may refuse.
        first: further fields of documents that are inserted.

    Raises:
        PyMongoError: from the driver; the caller works inside :meth:`Connection.operation`.
    """
    plan = plan_writes(key, stored, wanted, synced_at)
    if plan.missing or plan.changed:
        before(plan.missing, plan.changed)
    added, late = insert(collection, plan.missing, {"synced_at": synced_at} | (first or {}))
    unwritten, at_once = _change(collection, plan.changed, synced_at)
    late += unwritten
    late += _confirm(collection, plan.confirmed, synced_at)
    written = Written(added, plan.changed, inserted=tuple(added), is_as_planned=at_once and not late)
    if late:
        before(late, ())
    for fields in late:
        if not _write_alone(collection, key, fields, synced_at, written):
            less = fields | (lesser or {})
            done = lesser is not None and _write_alone(collection, key, less, synced_at, written)
            (written.lessened if done else written.refused).append(fields)
            if not done:
                # It stays as it was, and still exists.
                same = {name: fields[name] for name in key}
                write_unordered(collection, [UpdateOne(same, {"$max": {"synced_at": synced_at}})])
    return written


def _write_alone(
    collection: Collection[Document], key: Sequence[str], fields: Document, synced_at: datetime, written: Written
) -> bool:
    """Write one document; return False if MongoDB refuses it."""
    try:
        before = write_newest(collection, key, _without_others(fields), synced_at)
    except (StoreError, *UNSTORABLE):
        return False
    except OperationFailure as error:
        if error.code not in REFUSALS:
            raise
        return False
    _note(written, before, fields, synced_at)
    return True


def _without_others(fields: Document) -> Document:
    """Return ``fields`` with the labels of earlier versions, and optional fields without a value, removed.

    So is the mark of deals that are summed.
    """
    others = FORMER_LABELS | REMOVABLE_FIELDS
    outdated: Document = {SUMMED: None} if SUMMED_BY & fields.keys() else {}
    return outdated | {name: None for name, beside in others.items() if beside in fields} | fields


def _note(written: Written, before: Document | None, fields: Document, synced_at: datetime) -> None:
    if before is None:
        written.added.append(fields)
    elif not is_newer(before, fields, synced_at) and Match(before, fields).differing():
        written.changed.append(Match(before, fields))


def insert(
    collection: Collection[Document], missing: list[Document], further: Document
) -> tuple[list[Document], list[Document]]:
    """Insert documents with further fields.

    Returns:
        The inserted ones, and those that are stored already, by another writer, or that MongoDB refuses.
    """
    # The driver adds an _id to the document it inserts, so it gets a copy.
    done = write_unordered(collection, [InsertOne({**fields, **further}) for fields in missing])
    left = set(done.failed)
    return [one for place, one in enumerate(missing) if place not in left], [missing[place] for place in done.failed]


def _change(
    collection: Collection[Document], changes: Sequence[Match], synced_at: datetime
) -> tuple[list[Document], bool]:
    """Write the differences of documents that still are the version they were compared with; return the others.

    That takes half the time of :func:`.write_newest`.

    Returns:
        The others, and True if there certainly are none because all were written here.
    """
    if write_unordered(collection, [_if_unchanged(one, synced_at) for one in changes]).matched == len(changes):
        return [], True
    seen = {document["_id"]: document for document in collection.find(_ids(changes) | {"synced_at": synced_at})}
    done = {
        key for new in changes if (key := new.stored["_id"]) in seen and not Match(seen[key], new.fields).differing()
    }
    return [change.fields for change in changes if change.stored["_id"] not in done], False


def _if_unchanged(change: Match, synced_at: datetime) -> UpdateOne:
    version = {name: change.stored.get(name) for name in ("_id", "hubspot_updated_at", "synced_at", "archived")}
    update: Document = {"$set": change.update(), "$max": {"synced_at": synced_at}}
    return UpdateOne(version, update | ({"$unset": {SUMMED: ""}} if SUMMED_BY & update["$set"].keys() else {}))


def _confirm(collection: Collection[Document], confirmed: Sequence[Match], synced_at: datetime) -> list[Document]:
    """Mark documents as seen; return those that were deleted, archived or restored since they were compared."""
    late = []
    for archived in (False, True):
        same = [match for match in confirmed if bool(match.stored.get("archived")) is archived]
        if not same:
            continue
        condition = _ids(same) | {"archived": True if archived else {"$ne": True}}
        seen = {"$max": {"synced_at": synced_at}}
        matched = update_together(collection, condition, seen)
        if matched is None:
            write_unordered(collection, [UpdateOne(condition | {"_id": one.stored["_id"]}, seen) for one in same])
        if matched != len(same):
            there = {document["_id"] for document in collection.find(condition, {"_id": 1})}
            late += [match.fields for match in same if match.stored["_id"] not in there]
    return late


def _ids(matches: Iterable[Match]) -> Document:
    return {"_id": {"$in": [match.stored["_id"] for match in matches]}}
