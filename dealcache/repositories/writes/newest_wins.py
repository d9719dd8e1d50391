"""Conditional updates of documents: newer versions replace older ones, never the other way round.

Two versions are ordered by HubSpot's own ``hubspot_updated_at`` and, if that is equal, by ``synced_at``, the time just
before HubSpot was asked: pipelines and owners have no usable dates. Archiving does not change the former, so an
archived document is replaced only by what was read later, whatever its version. The comparison happens in MongoDB,
inside the update, so that any number of threads and processes may write at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from dealcache.repositories.connection import StoreError
from dealcache.repositories.documents import Document
from dealcache.repositories.writes.unordered import lost_races

_ATTEMPTS = 5  # a lost race is won at the next attempt unless the document is also deleted in between


def write_newest(
    collection: Collection[Document], key: Sequence[str], fields: Mapping[str, Any], synced_at: datetime
) -> Document | None:
    """Write a document unless a newer version is stored; return the previous version, None if there was none.

    Args:
        collection: the collection.
        key: the names of the fields that identify the document.
        fields: all fields that come from HubSpot.
        synced_at: when HubSpot was asked; the document's own ``synced_at`` becomes at least this.

    Raises:
        StoreError: the race to insert the document was lost repeatedly.
        PyMongoError: from the driver; the caller works inside :meth:`Connection.operation`.
    """
    condition = {name: fields[name] for name in key}
    for _ in range(_ATTEMPTS):
        try:
            return collection.find_one_and_update(
                condition, _change(fields, synced_at), upsert=True, return_document=ReturnDocument.BEFORE
            )
        except DuplicateKeyError:
            continue  # another writer has just inserted it: this time it is found
    raise _others_were_faster(1, collection)


def write_all_newest(
    collection: Collection[Document], key: str, documents: Iterable[Mapping[str, Any]], synced_at: datetime
) -> None:
    """Do what :func:`write_newest` does for many documents with one field as a key, in any order."""
    pending = [UpdateOne({key: one[key]}, _change(one, synced_at), upsert=True) for one in documents]
    for _ in range(_ATTEMPTS):
        if not pending:
            return
        try:
            collection.bulk_write(pending, ordered=False)
        except BulkWriteError as error:
            pending = [pending[lost] for lost in lost_races(error)]
        else:
            return
    raise _others_were_faster(len(pending), collection)


def _others_were_faster(count: int, collection: Collection[Document]) -> StoreError:
    return StoreError(f"{count} documents of {collection.name} could not be written: other writers were always first")


def _change(fields: Mapping[str, Any], synced_at: datetime) -> list[Document]:
    """Return the update as a pipeline.

    Fields that are not in ``fields`` stay as they are: other systems keep their own in these documents. ``$literal``
    keeps a value such as ``"$deal_id"`` from being taken for an expression.
    """
    change = {
        "$mergeObjects": [
            "$$ROOT",
            {"$cond": [_not_older(fields, synced_at), {"$literal": dict(fields)}, {}]},
            {"synced_at": {"$max": ["$synced_at", synced_at]}},
        ]
    }
    return [{"$replaceWith": change}]


def _not_older(fields: Mapping[str, Any], synced_at: datetime) -> Document:
    """Return the condition as a MongoDB expression, in which a missing field is older than any date."""
    read_no_earlier = {"$lte": ["$synced_at", synced_at]}
    updated_at = fields.get("hubspot_updated_at")
    if updated_at is None:  # a pipeline has no such date: the time of reading alone decides
        return read_no_earlier
    gives_way = {"$or": [{"$ne": ["$archived", True]}, read_no_earlier]}
    newer_version = {"$and": [{"$lt": ["$hubspot_updated_at", updated_at]}, gives_way]}
    same_version = {"$and": [{"$eq": ["$hubspot_updated_at", updated_at]}, read_no_earlier]}
    return {"$or": [newer_version, same_version]}
