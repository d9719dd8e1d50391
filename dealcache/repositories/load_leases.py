"""The collection ``load_leases``: who loads what from HubSpot just now, of all processes that share the database.

One document for each thing that is loaded. It belongs to one acquisition, which its ``nonce`` names, until that ends or
``held_until`` is past: a holder that dies stops giving signs of life and loses it by that. What has ended stays for a
minute, so that those who waited for it learn how, and that others see what was refreshed lately.

Time is MongoDB's own, so the clocks of the hosts need not agree. The writes ask for no journal: a lease that is lost in
a crash costs a second load and nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pymongo import ReadPreference, ReturnDocument, UpdateOne, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, read_all
from dealcache.repositories.newest_wins import lost_races

#: A moment in an expression of MongoDB's.
Moment = datetime | Literal["$$NOW"]

_ONE_MEMBER = WriteConcern(w=1, j=False)


class LoadEnd(StrEnum):
    """How a load ended."""

    LOADED = "loaded"
    """What was wanted is in MongoDB."""

    UNKNOWN = "unknown"
    """HubSpot has no such thing."""

    FAILED = "failed"
    """HubSpot refused, failed or did not answer; ``failure`` tells more."""

    ABANDONED = "abandoned"
    """The holder gave up for reasons of its own: whoever waited tries for himself."""

    @classmethod
    def _missing_(cls, value: object) -> LoadEnd:
        """What another release calls by a word that is not known here tells no more than that it has ended."""
        return cls.ABANDONED


@dataclass(frozen=True, slots=True)
class LoadLease:
    """A lease as it stood at one moment.

    ``held`` tells that somebody loads under it, ``mine`` that the caller has acquired it just now. ``end`` is None
    until the load has ended, and ``failure`` holds plain values when it failed.
    """

    key: str
    nonce: str
    owner: str
    held: bool
    mine: bool = False
    end: LoadEnd | None = None
    failure: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class LoadResult:
    """How the load under a lease ended; ``failure`` tells more about that, in values that a document can hold."""

    lease: LoadLease
    end: LoadEnd
    failure: Mapping[str, Any] | None = None

    def told(self) -> Document:
        """The fields that tell it to those who waited."""
        told: Document = {"end": str(self.end)} | ({} if self.failure is None else {"failure": dict(self.failure)})
        return {name: {"$literal": value} for name, value in told.items()}


class LoadLeaseRepository:
    """Gives leases and takes them back. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
        now: what time is asked of; MongoDB's own clock unless a test has another.
    """

    def __init__(self, connection: Connection, now: Callable[[], Moment] = lambda: "$$NOW") -> None:
        self._connection = connection
        self._now = now

    @contextmanager
    def _leases(self) -> Iterator[Collection[Document]]:
        with self._connection.operation() as database:
            # From the primary, whatever the URI says: a secondary does not know yet that a load has ended.
            yield database.load_leases.with_options(read_preference=ReadPreference.PRIMARY, write_concern=_ONE_MEMBER)

    def acquire(
        self,
        key: str,
        owner: str,
        term: timedelta,
        *,
        generation: int = 0,
        since: int = 0,
        pause: timedelta = timedelta(0),
    ) -> LoadLease:
        """Take the lease unless somebody holds it, or what it is about was loaded a moment ago.

        Args:
            key: what is to be loaded.
            owner: names the process that asks, for people.
            term: how long the lease holds without a sign of life.
            generation: of the last invalidation that is known to the caller, whose load will see what it announced.
            since: the least generation whose load the caller can use. A holder that began with an older one is not
                waited for: the lease is taken from him, and he only loses the right to tell how his load ended.
            pause: how long after a load that went well there is no other.

        Returns:
            The lease as it stands now; ``mine`` if it was taken.
        """
        nonce, now = uuid.uuid4().hex, self._now()
        kept = [_held_since(now, since)]
        if pause:
            kept.append(_ended_well_since(now, pause))
        change = _unless({"$or": kept}, _taken(now, owner, nonce, term, generation))
        with self._leases() as leases:
            document = leases.find_one_and_update(
                {"_id": key}, change, _shown(now), upsert=True, return_document=ReturnDocument.AFTER
            )
        lease = _read(document or {})
        return replace(lease, mine=lease.nonce == nonce)

    def acquire_many(
        self, wanted: Mapping[str, int], owner: str, term: timedelta, *, generation: int = 0
    ) -> dict[str, LoadLease]:
        """Take what :meth:`acquire` would take of many leases, in two round trips.

        Args:
            wanted: what is to be loaded, one thing at least, each with the least generation whose load the caller can
                use.
            owner: as for :meth:`acquire`.
            term: as for :meth:`acquire`.
            generation: as for :meth:`acquire`.

        Returns:
            Each lease as it stands now; ``mine`` if it was taken.
        """
        now = self._now()
        nonces = {key: uuid.uuid4().hex for key in wanted}
        changes = [
            UpdateOne(
                {"_id": key},
                _unless(_held_since(now, since), _taken(now, owner, nonces[key], term, generation)),
                upsert=True,
            )
            for key, since in wanted.items()
        ]
        with self._leases() as leases:
            try:
                leases.bulk_write(changes, ordered=False)
            except BulkWriteError as error:
                lost_races(error)  # somebody else has those
            documents = leases.find({"_id": {"$in": list(wanted)}}, _shown(now)).to_list()
        found = read_all("load_leases", _to_lease, documents)
        return {lease.key: replace(lease, mine=lease.nonce == nonces[lease.key]) for lease in found}

    def look_many(self, keys: Iterable[str]) -> dict[str, LoadLease]:
        """The leases as they stand now; those of which :meth:`look` knows nothing are left out."""
        with self._leases() as leases:
            documents = leases.find({"_id": {"$in": list(keys)}}, _shown(self._now())).to_list()
        return {lease.key: lease for lease in read_all("load_leases", _to_lease, documents)}

    def look(self, key: str) -> LoadLease | None:
        """The lease as it stands now, None when there never was one or it ended long ago."""
        with self._leases() as leases:
            document = leases.find_one({"_id": key}, _shown(self._now()))
        return None if document is None else _read(document)

    def renew(self, held: Mapping[str, str], term: timedelta) -> None:
        """Give a sign of life for leases; those that are somebody else's by now, or have ended, stay as they are.

        Args:
            held: the key of each by its nonce.
            term: how long they hold from now on.
        """
        under_way = {"_id": {"$in": list(held.values())}, "nonce": {"$in": list(held)}, "end": None}
        change = [{"$set": {"held_until": {"$add": [self._now(), _milliseconds(term)]}}}]
        with self._leases() as leases:
            leases.update_many(under_way, change)

    def release(self, lease: LoadLease, end: LoadEnd, failure: Mapping[str, Any] | None = None) -> None:
        """Tell how the load ended and let others have the lease; nothing happens if somebody else has it already.

        Args:
            lease: as it was acquired.
            end: how the load ended.
            failure: more about that, in values that a document can hold.
        """
        self.release_many([LoadResult(lease, end, failure)])

    def release_many(self, results: Iterable[LoadResult]) -> None:
        """Do for many loads what :meth:`release` does for one."""
        now = self._now()
        changes = [
            UpdateOne({"_id": one.lease.key, "nonce": one.lease.nonce}, [{"$set": one.told() | {"held_until": now}}])
            for one in results
        ]
        if changes:
            with self._leases() as leases:
                leases.bulk_write(changes, ordered=False)

    def note_loaded(self, key: str, owner: str) -> None:
        """Note that what ``key`` stands for was loaded under another key just now, unless somebody is at it."""
        now = self._now()
        done: Document = {"owner": owner, "nonce": uuid.uuid4().hex, "generation": 0, "end": str(LoadEnd.LOADED)}
        change = _unless(_held(now), {"$mergeObjects": [{"$literal": done}, {"held_until": now}]})
        with self._leases() as leases:
            leases.update_one({"_id": key}, change, upsert=True)


def _unless(condition: Document, replacement: Document) -> list[Document]:
    """A change that makes the document ``replacement``, unless ``condition`` holds; its id stays."""
    whole = {"$mergeObjects": [{"_id": "$_id"}, replacement]}
    return [{"$replaceWith": {"$cond": [condition, "$$ROOT", whole]}}]


def _taken(now: Moment, owner: str, nonce: str, term: timedelta, generation: int) -> Document:
    """A lease that somebody has just got."""
    taken: Document = {"owner": owner, "nonce": nonce, "generation": generation, "end": None}
    held_until = {"held_until": {"$add": [now, _milliseconds(term)]}}
    return {"$mergeObjects": [{"$literal": taken}, held_until]}


def _held_since(now: Moment, since: int) -> Document:
    return {"$and": [_held(now), {"$gte": ["$generation", since]}]}


def _held(now: Moment) -> Document:
    return {"$and": [{"$eq": ["$end", None]}, {"$gt": ["$held_until", now]}]}


def _ended_well_since(now: Moment, pause: timedelta) -> Document:
    well = {"$in": ["$end", [str(LoadEnd.LOADED), str(LoadEnd.UNKNOWN)]]}
    return {"$and": [well, {"$gt": ["$held_until", {"$subtract": [now, _milliseconds(pause)]}]}]}


def _shown(now: Moment) -> Document:
    return {"nonce": 1, "owner": 1, "end": 1, "failure": 1, "held": _held(now)}


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _read(document: Mapping[str, Any]) -> LoadLease:
    return read_all("load_leases", _to_lease, [document])[0]


def _to_lease(document: Mapping[str, Any]) -> LoadLease:
    end = document["end"]
    return LoadLease(
        key=document["_id"],
        nonce=document["nonce"],
        owner=document["owner"],
        held=document["held"],
        end=None if end is None else LoadEnd(end),
        failure=document.get("failure"),
    )
