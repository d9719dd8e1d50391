"""Unordered writes in which a document that MongoDB refuses fails alone."""

from __future__ import annotations

from collections.abc import Sequence

import bson
from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure

from dealcache.repositories.connection import UNSTORABLE
from dealcache.repositories.documents import Document

#: The server's error codes that blame a document: BadValue, FailedToParse, TypeMismatch, InvalidBSON, PathNotViable,
#: names of fields (52, 56, 57), DocumentValidationFailure, arrays and keys that an index refuses, objects that are too
#: large.
REFUSALS = frozenset({2, 9, 14, 22, 28, 52, 56, 57, 121, 171, 10334, 16755, 16766, 17280, 17419, 17420})

_DUPLICATE_KEY = 11000

#: The largest size of a document written together with others; MongoDB's bound is 16 MiB for a whole document.
_MOST_BYTES = 16 * 1024 * 1024 - 65_536


def write_unordered(
    collection: Collection[Document], operations: Sequence[InsertOne[Document] | UpdateOne]
) -> list[int]:
    """Carry out all operations that can be carried out.

    Returns:
        The positions of the operations that failed because of their own document, or a duplicate key.

    Raises:
        PyMongoError: something else went wrong.
    """
    if not operations:
        return []
    try:
        collection.bulk_write(list(operations), ordered=False)
    except BulkWriteError as error:
        return _blamed(error)
    except (OperationFailure, *UNSTORABLE) as error:
        if isinstance(error, OperationFailure) and error.code not in REFUSALS:
            raise
        unfit = {place for place, operation in enumerate(operations) if not _fits(operation)}
        rest = [place for place in range(len(operations)) if place not in unfit]
        if not unfit:
            return rest  # MongoDB does not name it, so each is tried by itself
        # Some of them may already have been carried out; repeated inserts are found to be duplicates.
        failed = write_unordered(collection, [operations[place] for place in rest])
        return sorted(unfit | {rest[place] for place in failed})
    return []


def _blamed(error: BulkWriteError) -> list[int]:
    failures = error.details.get("writeErrors", [])
    others = any(failure["code"] != _DUPLICATE_KEY and failure["code"] not in REFUSALS for failure in failures)
    if error.details.get("writeConcernErrors") or others:
        raise error
    return [failure["index"] for failure in failures]


def _fits(operation: InsertOne[Document] | UpdateOne) -> bool:
    """Return True if BSON can hold what an operation writes; the server checks the rest."""
    written = operation._doc  # the driver has no other way to read it
    try:
        return len(bson.encode(written if isinstance(written, dict) else {"": written})) <= _MOST_BYTES
    except UNSTORABLE:
        return False
