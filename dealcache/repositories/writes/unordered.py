"""Unordered writes in which a document that MongoDB refuses fails alone."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

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

_DUPLICATE_KEY = frozenset({11000})

#: The largest size of a document written together with others; MongoDB's bound is 16 MiB for a whole document.
_MOST_BYTES = 16 * 1024 * 1024 - 65_536


class Outcome(NamedTuple):
    """How many documents updates have found, and the positions of the operations that failed, each for its own sake."""

    matched: int
    failed: list[int]


def write_unordered(collection: Collection[Document], operations: Sequence[InsertOne[Document] | UpdateOne]) -> Outcome:
    """Carry out all operations that can be carried out; others fail because of their own document, or a duplicate key.

    Raises:
        PyMongoError: something else went wrong.
    """
    if not operations:
        return Outcome(0, [])
    try:
        return Outcome(collection.bulk_write(list(operations), ordered=False).matched_count, [])
    except BulkWriteError as error:
        return Outcome(error.details.get("nMatched", 0), _failed(error, REFUSALS | _DUPLICATE_KEY))
    except (OperationFailure, *UNSTORABLE) as error:
        if isinstance(error, OperationFailure) and error.code not in REFUSALS:
            raise
    unfit = {place for place, operation in enumerate(operations) if not _fits(operation)}
    rest = [place for place in range(len(operations)) if place not in unfit]
    if not unfit:
        return Outcome(0, rest)  # MongoDB does not name it, so each is tried by itself
    # Some of them may already have been carried out; repeated inserts are found to be duplicates.
    done = write_unordered(collection, [operations[place] for place in rest])
    return Outcome(done.matched, sorted(unfit | {rest[place] for place in done.failed}))


def update_together(
    collection: Collection[Document], condition: Document, update: Document | Sequence[Document]
) -> int | None:
    """Update all documents for which ``condition`` holds, and return their number.

    None if MongoDB refuses one of them, which ends the update of the others.
    """
    try:
        return collection.update_many(condition, update).matched_count
    except OperationFailure as error:
        if error.code not in REFUSALS:
            raise
        return None


def lost_races(error: BulkWriteError) -> list[int]:
    """Return the positions of operations that failed because another writer had just inserted the same key.

    Raises:
        BulkWriteError: something else went wrong as well.
    """
    return _failed(error, _DUPLICATE_KEY)


def _failed(error: BulkWriteError, codes: Set[int]) -> list[int]:
    """Return the positions of operations that failed with one of these codes; raise the error if there are others."""
    failures = error.details.get("writeErrors", [])
    if error.details.get("writeConcernErrors") or any(failure["code"] not in codes for failure in failures):
        raise error
    return [failure["index"] for failure in failures]


def _fits(operation: InsertOne[Document] | UpdateOne) -> bool:
    """Return True if BSON can hold what an operation writes; the server checks the rest."""
    written = operation._doc  # the driver has no other way to read it
    try:
        return len(bson.encode(written if isinstance(written, dict) else {"": written})) <= _MOST_BYTES
    except UNSTORABLE:
        return False
