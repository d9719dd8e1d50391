"""The collection ``workers``: which processes live, by a sign of life that each gives every few seconds.

All times are those of MongoDB's own clock, so hosts whose clocks differ agree on who lives. A process that ends in good
order removes its document; one that dies stops counting when its last sign is :data:`LIVE_SECONDS` old, and an index
removes what it left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pymongo
from pymongo import ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, read_all
from dealcache.workers import Worker

#: Seconds after its last sign of life for which a process counts as alive.
LIVE_SECONDS = 6.0

#: Seconds for one operation; on a server that takes longer, who lives is not the most urgent question.
_SECONDS = 1.0

#: A sign that is lost with the server is given again a moment later: no journal, no majority.
_AT_ONCE = WriteConcern(w=1, j=False)

_SEEN_LATELY: Document = {"$expr": {"$gt": ["$seen_at", {"$subtract": ["$$NOW", int(LIVE_SECONDS * 1000)]}]}}


class WorkerRegistry:
    """Reads and writes it. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sign(self, worker: Worker) -> None:
        """Note that ``worker`` lives now."""
        change = {
            "host": {"$literal": worker.host},
            "pid": worker.pid,
            "answers": worker.answers,
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "seen_at": "$$NOW",
        }
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            _workers(database).update_one({"_id": worker.owner}, [{"$set": change}], upsert=True)

    def leave(self, worker: Worker) -> None:
        """Note that ``worker`` ends."""
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            _workers(database).delete_one({"_id": worker.owner})

    def live(self) -> list[Worker]:
        """All that live."""
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            documents = _workers(database).find(_SEEN_LATELY, sort=[("_id", 1)]).to_list()
        return read_all("workers", _to_worker, documents)


def _workers(database: Database[Document]) -> Collection[Document]:
    return database.workers.with_options(write_concern=_AT_ONCE, read_preference=ReadPreference.PRIMARY)


def _to_worker(document: Mapping[str, Any]) -> Worker:
    return Worker(document["_id"], document["host"], document["pid"], document["answers"])
