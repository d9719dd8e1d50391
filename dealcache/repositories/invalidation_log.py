"""The collection ``invalidations``: the log of what must no longer be served, in one order for all workers.

Each document has the next whole number, its generation. A writer takes the highest one that it can see, adds one, and
tries again if another writer was quicker. So a document appears only after all earlier ones, and a reader that knows
the first ``n`` has missed none of them. Reserving a number first and writing later would leave gaps for a moment, which
a poll would skip.

The newest :data:`KEPT` are kept. A reader that was away for longer, or finds a history other than the one it knows (in
a restored database), is told to trust nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pymongo
from pymongo.change_stream import CollectionChangeStream
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from dealcache.model.invalidation import Invalidation
from dealcache.repositories.connection import Connection, Repository, StoreUnavailable
from dealcache.repositories.documents import Document
from dealcache.repositories.record_documents import read_all
from dealcache.repositories.writes.unordered import lost_races

#: How many of the newest are kept at least, and after how many new ones older ones are removed.
KEPT = 10_000
_REMOVED_EVERY = 500

#: The most ids and names in one document.
MOST_MARKS = 500

#: How many entries to read at once.
_PAGE = 200

_ATTEMPTS = 100  # each is lost only to another writer that succeeds

#: Seconds for writing, and for reading: a follower that hangs longer could not keep the promise of one second anyway.
_WRITE_SECONDS = 2.0
_READ_SECONDS = 0.8

#: Milliseconds that MongoDB waits for a new entry before it answers that there is none, which is a sign of life.
_WAIT_MS = 250

_INSERTS = [{"$match": {"operationType": "insert"}}]

_OLDEST_FIRST = [("_id", 1)]
_NEWEST_FIRST = [("_id", -1)]


class HistoryLostError(Exception):
    """Raised if later entries are no longer known, or the log is not the one that was followed."""


class InvalidationLog(Repository):
    """Reads and writes the log.

    Args:
        connection: the database, for writing.
        following: the same for reading. A follower must notice at once that MongoDB is back, so no breaker may keep
            it from asking, and no crowd of readers from having a connection.
    """

    def __init__(self, connection: Connection, following: Connection) -> None:
        super().__init__(connection)
        self._following = following

    def append(self, invalidations: Sequence[Invalidation]) -> list[Invalidation]:
        """Add entries.

        Args:
            invalidations: in the order of the log; each with :data:`MOST_MARKS` marks at most, or everything.

        Returns:
            The same with their generations, which ascend, perhaps with entries of other writers in between.
        """
        waiting = invalidations
        recorded: list[Invalidation] = []
        with self._connection.operation() as database, pymongo.timeout(_WRITE_SECONDS):
            for _ in range(_ATTEMPTS):
                if not waiting:
                    break
                numbered = _numbered(waiting, _last(database.invalidations))
                inserted = _insert(database.invalidations, numbered)
                recorded += numbered[:inserted]
                waiting = waiting[inserted:]
            _remove_old(database.invalidations, recorded)
        if waiting:
            raise StoreUnavailable("too many others write to the invalidation log")
        return recorded

    def since(self, generation: int, nonce: str) -> list[Invalidation]:
        """Return the entries after one that the caller knows, oldest first; the first page if they are many.

        Args:
            generation: of that entry; 0 when the log was empty.
            nonce: of that entry.

        Raises:
            HistoryLostError: that entry no longer exists.
        """
        with self._following.operation() as database, pymongo.timeout(_READ_SECONDS):
            found = database.invalidations.find({"_id": {"$gte": generation}}, sort=_OLDEST_FIRST, limit=_PAGE)
            entries = read_all("invalidations", Invalidation.of_fields, found.to_list())
        if generation == 0:
            if entries and entries[0].generation != 1:
                raise HistoryLostError
            return entries
        if not entries or (entries[0].generation, entries[0].nonce) != (generation, nonce):
            raise HistoryLostError
        return entries[1:]

    def newest(self, most: int = KEPT) -> list[Invalidation]:
        """Return the newest entries, oldest first, from the last invalidation of everything on.

        Args:
            most: how many at most.
        """
        with self._following.operation() as database, pymongo.timeout(_WRITE_SECONDS):
            total = database.invalidations.find_one({"everything": True}, {"_id": 1}, sort=_NEWEST_FIRST)
            first = {} if total is None else {"_id": {"$gte": total["_id"]}}
            found = database.invalidations.find(first, sort=_NEWEST_FIRST, limit=most)
            entries = read_all("invalidations", Invalidation.of_fields, found.to_list())
        return entries[::-1]


class InvalidationFeed(Repository):
    """New entries of the log as they are written, by a change stream; used by one thread."""

    _stream: CollectionChangeStream[Document] | None = None

    def open(self) -> bool:
        """Begin with entries written from now on; return False if MongoDB, as a standalone, has no change streams."""
        with self._connection.operation() as database:
            hello: dict[str, Any] = database.command("hello")
            if "setName" not in hello and hello.get("msg") != "isdbgrid":
                return False
            self._stream = database.invalidations.watch(_INSERTS, max_await_time_ms=_WAIT_MS)
        return True

    def read(self) -> list[Invalidation]:
        """Return the entries recorded since the last call, oldest first; an empty list if none come within a moment."""
        if self._stream is None:
            raise RuntimeError("the feed is not open")
        with self._connection.operation():
            event = self._stream.try_next()
        return [] if event is None else read_all("invalidations", Invalidation.of_fields, [event["fullDocument"]])

    def close(self) -> None:
        """Close the feed, which may be opened again."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with self._connection.operation():
                stream.close()


def _last(collection: Collection[Document]) -> int:
    newest = collection.find_one({}, {"_id": 1}, sort=_NEWEST_FIRST)
    return 0 if newest is None else int(newest["_id"])


def _numbered(invalidations: Sequence[Invalidation], last: int) -> list[Invalidation]:
    return [replace(one, generation=last + place) for place, one in enumerate(invalidations, start=1)]


def _insert(collection: Collection[Document], numbered: Sequence[Invalidation]) -> int:
    """Write as many as possible in this order; return their number."""
    try:
        collection.insert_many([one.fields() for one in numbered], ordered=True)
    except BulkWriteError as error:
        lost_races(error)  # raises anything but a lost race
        return int(error.details["nInserted"])
    return len(numbered)


def _remove_old(collection: Collection[Document], recorded: Sequence[Invalidation]) -> None:
    for one in recorded:
        if one.generation % _REMOVED_EVERY == 0:
            collection.delete_many({"_id": {"$lte": one.generation - KEPT}})
