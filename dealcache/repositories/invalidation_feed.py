"""The record of invalidations as it grows, told by MongoDB itself: a change stream, which only replica sets have."""

from __future__ import annotations

from typing import Any

from pymongo.change_stream import CollectionChangeStream

from dealcache.invalidation import Invalidation
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, read_all
from dealcache.repositories.invalidation_log import to_invalidation

_INSERTS = [{"$match": {"operationType": "insert"}}]

#: Milliseconds that MongoDB waits for something to tell before it says that there is nothing: a sign of life.
_WAIT_MS = 250


class InvalidationFeed:
    """Follows the record; used by one thread. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stream: CollectionChangeStream[Document] | None = None

    def open(self) -> bool:
        """Begin to follow, from now on; whether this MongoDB can tell by itself: a standalone one cannot."""
        with self._connection.operation() as database:
            hello: dict[str, Any] = database.command("hello")
            if "setName" not in hello and hello.get("msg") != "isdbgrid":
                return False
            self._stream = database.invalidations.watch(_INSERTS, max_await_time_ms=_WAIT_MS)
        return True

    def take(self) -> list[Invalidation]:
        """What was recorded since the last call, oldest first; waits a moment, then an empty list is a sign of life."""
        if self._stream is None:
            raise RuntimeError("the feed is not open")
        with self._connection.operation():
            event = self._stream.try_next()
        return [] if event is None else read_all("invalidations", to_invalidation, [event["fullDocument"]])

    def close(self) -> None:
        """Follow no more; the feed may be opened again."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with self._connection.operation():
                stream.close()
