"""The collections ``workers``, the live processes, and ``worker_statistics``, the published statistics of their caches.

Each process gives a sign of life every few seconds. All times are those of MongoDB's own clock, so hosts whose clocks
differ agree on which processes live. A process that exits properly removes its documents; one that dies stops counting
when its last sign is :data:`LIVE_SECONDS` old, and an index removes its documents. No write waits for the journal: a
sign that is lost with the server is given again a moment later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pymongo
from pymongo import ReturnDocument

from dealcache.clock import RemoteClock
from dealcache.model.workers import Worker
from dealcache.repositories.connection import Connection, Repository, unjournaled
from dealcache.repositories.documents import Document, utc
from dealcache.repositories.record_documents import read_all

#: Seconds after its last sign of life for which a process counts as alive.
LIVE_SECONDS = 6.0

#: Seconds for one operation; on a server that takes longer, membership is not the most urgent problem.
_SECONDS = 1.0

_SEEN_LATELY: Document = {"$expr": {"$gt": ["$seen_at", {"$subtract": ["$$NOW", int(LIVE_SECONDS * 1000)]}]}}


class WorkerRegistry(Repository):
    """Reads and writes both.

    Args:
        clock: synchronized with MongoDB's at each sign of life.
    """

    def __init__(self, connection: Connection, clock: RemoteClock | None = None) -> None:
        super().__init__(connection)
        self._clock = clock or RemoteClock()

    def sign(self, worker: Worker) -> None:
        """Note that ``worker`` lives, with its report."""
        change = {
            "host": {"$literal": worker.host},
            "pid": worker.pid,
            "answers": worker.has_cache,
            "version": {"$literal": worker.version},
            "pid_namespace": {"$literal": worker.pid_namespace},
            "parent_pid": worker.parent_pid,
            "report": {"$literal": worker.report},
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "seen_at": "$$NOW",
        }
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            sent = self._clock.timer()
            signed = unjournaled(database, "workers").find_one_and_update(
                {"_id": worker.owner},
                [{"$set": change}],
                {"seen_at": 1},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
            if signed is not None:
                self._clock.synchronize(signed["seen_at"].timestamp(), sent)

    def leave(self, worker: Worker) -> None:
        """Note that ``worker`` has ended."""
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            unjournaled(database, "workers").delete_one({"_id": worker.owner})
            unjournaled(database, "worker_statistics").delete_one({"_id": worker.owner})

    def live(self) -> list[Worker]:
        """Return all live processes."""
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            documents = unjournaled(database, "workers").find(_SEEN_LATELY, sort=[("_id", 1)]).to_list()
        return read_all("workers", _to_worker, documents)

    def publish_statistics(self, owner: str, message: bytes) -> None:
        """Replace the cache statistics of the worker ``owner``; ``message`` must fit into a document of 16 MB."""
        change: Document = {"$set": {"message": message}, "$currentDate": {"written_at": True}}
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            unjournaled(database, "worker_statistics").update_one({"_id": owner}, change, upsert=True)

    def statistics(self, owners: Sequence[str]) -> dict[str, bytes]:
        """Return the last published cache statistics of these workers, by their owners."""
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            documents = unjournaled(database, "worker_statistics").find({"_id": {"$in": owners}}).to_list()
        return {document["_id"]: document["message"] for document in documents}


def _to_worker(document: Mapping[str, Any]) -> Worker:
    return Worker(
        document["_id"],
        document["host"],
        document["pid"],
        document["answers"],
        # Workers of an earlier release do not write these.
        document.get("version"),
        document.get("pid_namespace"),
        document.get("parent_pid"),
        utc(document.get("started_at")),
        document.get("report", b""),
    )
