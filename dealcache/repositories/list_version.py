"""The collection ``list_state``: the version of all lists of deals, which grows with every change that a list may show.

A writer notes that it is changing something, changes it, and raises the version while it takes its note back. So a
version that was read while nobody was changing anything stands for one content. While somebody is, every reading gives
a version of its own, and so does a reading after a writer was killed, until its note counts as abandoned.

Versions are times of MongoDB's clock in milliseconds as far as that grows: a database that loses its last writes, or is
restored from a backup, never gives an old version to a new content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ReadPreference, ReturnDocument, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document

#: Milliseconds after which a writer that gives no sign of life counts as dead. No write takes so long.
DEAD_MILLISECONDS = 30_000

#: For writes that precede or follow others in MongoDB's journal and mean nothing without them: they need not wait for
#: it, for it never loses an earlier write without the later ones.
UNJOURNALED = WriteConcern(w=1)

_DEALS: Document = {"_id": "deals"}
_READ: Document = {"version": 1, "changing": 1, "writers": 1, "now": "$$NOW"}
_RAISED: Document = {"$max": [{"$add": [{"$ifNull": ["$version", 0]}, 1]}, {"$toLong": "$$NOW"}]}


def _alive(dates: str) -> Document:
    """Return the expression for those of a document's fields that hold a date of the last seconds, as key and value."""
    since = {"$subtract": ["$$NOW", DEAD_MILLISECONDS]}
    return {"$filter": {"input": {"$objectToArray": {"$ifNull": [dates, {}]}}, "cond": {"$gt": ["$$this.v", since]}}}


@dataclass(frozen=True, slots=True)
class ListState:
    """The version of all lists, and what was going on when it was read.

    Args:
        version: the version.
        is_changing: True if somebody is changing something.
        signed_at: when a process that writes has last given a sign of life; None if none has.
        is_quiet: True if that is so long ago that whoever gave it counts as dead.
    """

    version: int
    is_changing: bool
    signed_at: datetime | None
    is_quiet: bool


def _read(found: Document, changing: bool) -> ListState:
    writers: dict[str, Any] = found.get("writers") or {}
    signed_at = max(writers.values(), default=None)
    dead = timedelta(milliseconds=DEAD_MILLISECONDS)
    return ListState(
        int(found.get("version", 0)), changing, signed_at, signed_at is None or found["now"] - signed_at > dead
    )


class ListVersion:
    """Reads and raises the version. Thread-safe.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self) -> ListState:
        """Return the version; read it before what it is the version of.

        Raises:
            StoreError: MongoDB failed.
        """
        with self._connection.operation() as database:
            state = _state(database)
            found = state.find_one(_DEALS, _READ) or {}
            if changing := bool(found.get("changing")):
                change = [{"$set": {"version": _RAISED, "changing": {"$arrayToObject": _alive("$changing")}}}]
                found |= state.find_one_and_update(_DEALS, change, return_document=ReturnDocument.AFTER) or {}
        return _read(found, changing)

    def renew(self) -> None:
        """Raise the version; raises as :meth:`read`."""
        with self._connection.operation() as database:
            _update(_state(database), [{"$set": {"version": _RAISED}}])


@contextmanager
def changing(database: Database[Document]) -> Iterator[Callable[[], None]]:
    """Yield a function to be called before the first write that a list shows; afterwards the version is raised.

    Works inside :meth:`.Connection.operation` and raises the driver's errors.
    """
    state, notes = _state(database), list[str]()

    def begin() -> None:
        if not notes:
            note = f"changing.{ObjectId()}"
            _update(state, [{"$set": {note: "$$NOW"}}])
            notes.append(note)

    def end() -> None:
        if notes:
            _update(state, [{"$set": {"version": _RAISED}}, {"$unset": notes}])

    try:
        yield begin
    except BaseException:
        with suppress(PyMongoError):  # else the note tells of it until it counts as abandoned
            end()
        raise
    end()


def show_alive(database: Database[Document], writer: str) -> None:
    """Note a writer's sign of life; works as :func:`changing`."""
    others: Document = {"$set": {"writers": {"$arrayToObject": _alive("$writers")}}}
    _update(database.list_state, [others, {"$set": {f"writers.{writer}": "$$NOW"}}])


def living_writers(database: Database[Document]) -> set[str]:
    """Return the writers that have given a sign of life lately; works as :func:`changing`."""
    living = {"living": {"$map": {"input": _alive("$writers"), "in": "$$this.k"}}}
    return set((_state(database).find_one(_DEALS, living) or {}).get("living", ()))


def claim_check(database: Database[Document], minutes: int) -> bool:
    """Return True if the last check of the lists is so long ago, and note that the caller makes one.

    Works as :func:`changing`.
    """
    recent = {"$gt": ["$checked_at", {"$subtract": ["$$NOW", minutes * 60_000]}]}
    change = [{"$set": {"checked_at": {"$cond": [recent, "$checked_at", "$$NOW"]}}}]
    return _update(_state(database), change) > 0


def _state(database: Database[Document]) -> Collection[Document]:
    return database.get_collection("list_state", write_concern=UNJOURNALED, read_preference=ReadPreference.PRIMARY)


def _update(state: Collection[Document], change: list[Document]) -> int:
    """Change the document, and return the number of documents that are different now: 1 or 0."""
    try:
        done = state.update_one(_DEALS, change, upsert=True)
    except DuplicateKeyError:  # another writer has just made the document
        done = state.update_one(_DEALS, change, upsert=True)
    return done.modified_count + (done.upserted_id is not None)
