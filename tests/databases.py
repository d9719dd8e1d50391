"""Databases for tests: emptied and lent again, for MongoDB takes a hundred times as long to make one and to drop it."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pymongo

from dealcache.repositories import Connection, ensure_indexes
from dealcache.repositories.indexes import INDEXES
from dealcache.repositories.lists.indexes import WORDS_INDEX

_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 4_000_000_000  # a mongod takes some hundred megabytes, most of them for its journal

_INDEXES = {name: {"_id_"} | {model.document["name"] for model in models} for name, models in INDEXES.items()}

#: The databases that have all indexes: to look for each of them takes MongoDB longer than most tests do.
_PREPARED: set[str] = set()

#: The clients of those who lend databases, by URI: to make one takes longer than many tests do.
_CLIENTS: dict[str, pymongo.MongoClient[dict[str, Any]]] = {}

#: Indexes of fields that are arrays. Any other that ever held one has to read the documents for good.
_OF_ARRAYS = {WORDS_INDEX, "merged", "unread"}

#: The collections in which reads are judged by the documents that MongoDB has to look at.
_JUDGED = ("deal_info", "deal_timeline")

#: A database rests while so many others are lent, in case a thread of its last test writes a moment longer.
_RESTING = 4


class Databases:
    """Lends empty databases of one mongod, which have all indexes."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._free: deque[str] = deque()
        self._client = _CLIENTS[uri] = pymongo.MongoClient(uri, tz_aware=True)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend one that nobody else uses; yields its name."""
        name = self._free.popleft() if len(self._free) > _RESTING else f"test_{uuid.uuid4().hex}"
        prepare(self._uri, name)
        yield name
        self._empty(name)
        self._free.append(name)

    def close(self) -> None:
        del _CLIENTS[self._uri]
        self._client.close()

    def _empty(self, name: str) -> None:
        """Remove all documents, and the collections to which a test has given rules or indexes of its own."""
        database = self._client[name]
        collections = {found["name"]: found.get("options") for found in database.list_collections().to_list()}
        if "system.profile" in collections:
            del collections["system.profile"]
            database.command("profile", 0)
            database["system.profile"].drop()
        usual = sum(len(_INDEXES.get(collection, {"_id_"})) for collection in collections)
        changed = set(_INDEXES) - set(collections) or database.command("dbStats")["indexes"] != usual
        spoilt = {one for one in _JUDGED if one in collections and self._has_held_arrays(name, one)}
        for collection, options in list(collections.items()):
            if options or collection in spoilt or (changed and self._has_own_indexes(name, collection)):
                database[collection].drop()
                _PREPARED.discard(name)
                del collections[collection]
        for collection in self._filled(name, list(collections)):
            database[collection].delete_many({})
        if changed:
            _PREPARED.discard(name)

    def _filled(self, name: str, collections: list[str]) -> list[str]:
        """Return the collections that hold documents, by one question: most tests write to few of them."""
        if not collections:
            return []
        each = {one: [{"$limit": 1}, {"$project": {"_id": 0, "name": {"$literal": one}}}] for one in collections}
        first, *others = collections
        together = each[first] + [{"$unionWith": {"coll": one, "pipeline": each[one]}} for one in others]
        return [found["name"] for found in self._client[name][first].aggregate(together)]

    def _has_held_arrays(self, name: str, collection: str) -> bool:
        """Return True if an index of values ever held an array."""
        shown = {"md.indexes.multikey": 1, "md.indexes.spec.name": 1}
        (found,) = self._client[name][collection].aggregate([{"$listCatalog": {}}, {"$project": shown}])
        return any(one["multikey"] and one["spec"]["name"] not in _OF_ARRAYS for one in found["md"]["indexes"])

    def _has_own_indexes(self, name: str, collection: str) -> bool:
        found = {index["name"] for index in self._client[name][collection].list_indexes()}
        return found != _INDEXES.get(collection, {"_id_"})


@contextmanager
def client_of(uri: str) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    """Yield a client of a mongod: that which its databases are lent with, or one of its own."""
    if uri in _CLIENTS:
        yield _CLIENTS[uri]
        return
    with pymongo.MongoClient(uri, tz_aware=True) as client:
        yield client


def prepare(uri: str, name: str) -> None:
    """See to it that a database has all indexes."""
    if name not in _PREPARED:
        connection = Connection(uri, name)
        ensure_indexes(connection)
        connection.close()
        _PREPARED.add(name)


@contextmanager
def fast_directory() -> Iterator[Path]:
    """Make a directory for a server's data, which is removed at the end: in memory where there is plenty of it.

    On a disk, MongoDB waits for the disk with each write that a test acknowledges.
    """
    in_memory = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES
    if in_memory:
        _remove_left_behind()
    with tempfile.TemporaryDirectory(prefix=f"dealcache-{os.getpid()}-", dir=_MEMORY if in_memory else None) as made:
        yield Path(made)


def _remove_left_behind() -> None:
    """Remove what tests that were killed have left in memory."""
    for directory in _MEMORY.glob("dealcache-*-*"):
        pid = directory.name.split("-")[1]
        if not Path("/proc", pid).exists():
            with suppress(OSError):
                shutil.rmtree(directory)
