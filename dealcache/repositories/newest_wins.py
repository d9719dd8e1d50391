"""One update for all documents that HubSpot's data goes into: newer replaces older, never the other way round.

Two versions are put in order by HubSpot's own ``hubspot_updated_at`` and, when that is equal, by ``synced_at``, the
time just before HubSpot was asked: owners' names and stages' labels change without touching the former. The
comparison happens in MongoDB, inside the update, so that any number of threads and processes may write at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from dealcache.repositories.documents import Document
from dealcache.repositories.errors import StoreError

_DUPLICATE_KEY = 11000
_ATTEMPTS = 5  # a lost race is won at the next attempt unless the document is deleted in between as well


def newest_wins(key: Sequence[str], fields: Mapping[str, Any], synced_at: datetime) -> UpdateOne:
    """An upsert that writes ``fields`` unless the document holds something newer.

    Fields that are not in ``fields`` stay as they are: other systems keep their own in these documents. ``$literal``
    keeps a value such as ``"$deal_id"`` from being taken for an expression.

    Args:
        key: the names of those ``fields`` that identify the document.
        fields: all fields that come from HubSpot.
        synced_at: when HubSpot was asked for them; the document's own ``synced_at`` becomes at least this.
    """
    change = {
        "$mergeObjects": [
            "$$ROOT",
            {"$cond": [_not_older(fields, synced_at), {"$literal": dict(fields)}, {}]},
            {"synced_at": {"$max": ["$synced_at", synced_at]}},
        ]
    }
    return UpdateOne({name: fields[name] for name in key}, [{"$replaceWith": change}], upsert=True)


def _not_older(fields: Mapping[str, Any], synced_at: datetime) -> Document:
    """The condition in MongoDB's language; a missing field counts as older than any date there."""
    read_no_earlier = {"$lte": ["$synced_at", synced_at]}
    updated_at = fields.get("hubspot_updated_at")
    if updated_at is None:  # a pipeline has no such date: the time of reading alone decides
        return read_no_earlier
    same_version = {"$and": [{"$eq": ["$hubspot_updated_at", updated_at]}, read_no_earlier]}
    return {"$or": [{"$lt": ["$hubspot_updated_at", updated_at]}, same_version]}


def write_all(
    collection: Collection[Document],
    operations: Sequence[InsertOne[Document] | UpdateOne],
    instead: Callable[[int], UpdateOne],
) -> None:
    """Carry out ``operations`` in any order; those that lost a race for a unique key are done again as updates.

    Args:
        collection: where.
        operations: inserts and upserts.
        instead: gives the update to do instead of the operation with that index, once its document exists.

    Raises:
        StoreError: the race was lost again and again.
        PyMongoError: from the driver; the caller works inside :meth:`Connection.operation`.
    """
    pending: Sequence[InsertOne[Document] | UpdateOne] = operations
    indexes = list(range(len(operations)))
    for _ in range(_ATTEMPTS):
        if not pending:
            return
        try:
            collection.bulk_write(pending, ordered=False)
        except BulkWriteError as error:
            indexes = [indexes[lost] for lost in lost_races(error)]
            pending = [instead(index) for index in indexes]
        else:
            return
    raise StoreError(
        f"{len(pending)} documents of {collection.name} could not be written: others kept getting there first"
    )


def lost_races(error: BulkWriteError) -> list[int]:
    """The positions of the operations that failed because another writer had just inserted the same key.

    Raises:
        BulkWriteError: something else went wrong as well.
    """
    failures = error.details.get("writeErrors", [])
    if error.details.get("writeConcernErrors") or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
        raise error
    return [failure["index"] for failure in failures]
