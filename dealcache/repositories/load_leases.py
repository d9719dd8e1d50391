"""The collection ``load_leases``: which of the processes that share the database loads what from HubSpot.

There is one document for each thing that is loaded. It belongs to one acquisition, identified by its ``nonce``, until
that ends or ``held_until`` is past: a holder that dies stops renewing it, and so loses it. An ended lease is kept for a
minute, so that the processes that waited for it learn the outcome, and others see what was recently refreshed.

Times are those of MongoDB's clock, so the clocks of the hosts need not agree. The writes do not wait for the journal: a
lease lost in a crash only costs a second load.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pymongo import ReturnDocument, UpdateOne
from pymongo import collection as driver
from pymongo.errors import BulkWriteError

from dealcache.repositories.connection import Connection, Repository, unjournaled
from dealcache.repositories.documents import Document
from dealcache.repositories.record_documents import read_all
from dealcache.repositories.writes.unordered import lost_races

#: A time in a MongoDB expression.
Moment = datetime | Literal["$$NOW"]


class LoadEnd(StrEnum):
    """The outcome of a load."""

    LOADED = "loaded"
    """It is in MongoDB."""

    UNKNOWN = "unknown"
    """HubSpot has no such thing."""

    FAILED = "failed"
    """HubSpot refused, failed or did not answer; ``failure`` says more."""

    ABANDONED = "abandoned"
    """The holder gave up for reasons of its own; waiting processes try for themselves."""

    @classmethod
    def _missing_(cls, value: object) -> LoadEnd:
        """Treat an unknown value of another release as an unspecified end of the load."""
        return cls.ABANDONED


#: The outcomes after which a thing need not be loaded again at once.
ENDED_WELL = frozenset({LoadEnd.LOADED, LoadEnd.UNKNOWN})


@dataclass(frozen=True, slots=True)
class LoadLease:
    """A lease at one moment.

    ``held`` is True while a load is in progress under it, ``mine`` if the caller has just acquired it. ``end`` is None
    until the load has ended, and ``failure`` describes in values that a document can hold why it failed.
    """

    key: str
    nonce: str
    owner: str
    held: bool
    mine: bool = False
    end: LoadEnd | None = None
    failure: Mapping[str, Any] | None = None


class LoadLeaseRepository(Repository):
    """Acquires and releases leases.

    Args:
        now: returns the present; MongoDB's own clock unless a test has another.
    """

    def __init__(self, connection: Connection, now: Callable[[], Moment] = lambda: "$$NOW") -> None:
        super().__init__(connection)
        self._now = now

    @contextmanager
    def _leases(self) -> Iterator[driver.Collection[Document]]:
        with self._connection.operation() as database:
            # From the primary, whatever the URI says: a secondary may not know yet that a load has ended.
            yield unjournaled(database, "load_leases")

    def acquire(
        self,
        wanted: Mapping[str, int],
        owner: str,
        term: timedelta,
        *,
        generation: int = 0,
        pause: timedelta = timedelta(0),
        pause_after: Collection[LoadEnd] = ENDED_WELL,
    ) -> dict[str, LoadLease]:
        """Acquire the free leases, except of recently loaded things; in two round trips, a single lease in one.

        Args:
            wanted: the things to load, at least one, each with the least generation whose load the caller can use. A
                holder that began with an older one is not waited for: it loses the lease, and with it only the right to
                record its outcome.
            owner: the name of the process, for log messages.
            term: how long a lease lasts without being renewed.
            generation: that of the last invalidation known to the caller, whose load will see the change that it
                announced.
            pause: how long after a load a thing is not loaded again.
            pause_after: the outcomes of a load for which that holds.

        Returns:
            Each lease in its present state; ``mine`` if it was acquired.
        """
        now = self._now()
        nonces = {key: uuid.uuid4().hex for key in wanted}
        changes = {
            key: _unless(_kept(now, since, pause, pause_after), _taken(now, owner, nonces[key], term, generation))
            for key, since in wanted.items()
        }
        with self._leases() as leases:
            if len(changes) == 1:
                ((key, change),) = changes.items()
                after = ReturnDocument.AFTER
                one = leases.find_one_and_update({"_id": key}, change, _shown(now), upsert=True, return_document=after)
                documents = [one or {}]
            else:
                try:
                    leases.bulk_write(
                        [UpdateOne({"_id": key}, change, upsert=True) for key, change in changes.items()], ordered=False
                    )
                except BulkWriteError as error:
                    lost_races(error)  # another process has those
                documents = leases.find({"_id": {"$in": list(wanted)}}, _shown(now)).to_list()
        found = read_all("load_leases", _to_lease, documents)
        return {lease.key: replace(lease, mine=lease.nonce == nonces[lease.key]) for lease in found}

    def read_leases(self, keys: Iterable[str]) -> dict[str, LoadLease]:
        """Return the leases in their present state, without those that never existed or ended long ago."""
        with self._leases() as leases:
            documents = leases.find({"_id": {"$in": list(keys)}}, _shown(self._now())).to_list()
        return {lease.key: lease for lease in read_all("load_leases", _to_lease, documents)}

    def renew(self, held: Mapping[str, str], term: timedelta) -> None:
        """Renew leases, except for those that another process has by now, or that have ended.

        Args:
            held: the key of each by its nonce.
            term: how long they last from now on.
        """
        under_way = {"_id": {"$in": list(held.values())}, "nonce": {"$in": list(held)}, "end": None}
        change = [{"$set": {"held_until": {"$add": [self._now(), _milliseconds(term)]}}}]
        with self._leases() as leases:
            leases.update_many(under_way, change)

    def release(self, ended: Iterable[LoadLease]) -> None:
        """Record the outcomes of loads and release their leases, except for those that another process already has."""
        now = self._now()
        changes = [
            UpdateOne({"_id": one.key, "nonce": one.nonce}, [{"$set": _outcome(one) | {"held_until": now}}])
            for one in ended
        ]
        if changes:
            with self._leases() as leases:
                leases.bulk_write(changes, ordered=False)

    def note_loaded(self, key: str, owner: str) -> None:
        """Note that the thing of ``key`` was just loaded under another key, unless a load of it is in progress."""
        now = self._now()
        done: Document = {"owner": owner, "nonce": uuid.uuid4().hex, "generation": 0, "end": str(LoadEnd.LOADED)}
        change = _unless(_held(now), {"$mergeObjects": [{"$literal": done}, {"held_until": now}]})
        with self._leases() as leases:
            leases.update_one({"_id": key}, change, upsert=True)


def _outcome(ended: LoadLease) -> Document:
    """Return the fields in which waiting processes find the outcome of a load."""
    failure = {} if ended.failure is None else {"failure": {"$literal": dict(ended.failure)}}
    return {"end": str(ended.end), **failure}


def _unless(condition: Document, replacement: Document) -> list[Document]:
    """Return a change that makes the document ``replacement``, unless ``condition`` holds; its id stays."""
    whole = {"$mergeObjects": [{"_id": "$_id"}, replacement]}
    return [{"$replaceWith": {"$cond": [condition, "$$ROOT", whole]}}]


def _taken(now: Moment, owner: str, nonce: str, term: timedelta, generation: int) -> Document:
    """Return a lease that was just acquired."""
    taken: Document = {"owner": owner, "nonce": nonce, "generation": generation, "end": None}
    held_until = {"held_until": {"$add": [now, _milliseconds(term)]}}
    return {"$mergeObjects": [{"$literal": taken}, held_until]}


def _kept(now: Moment, since: int, pause: timedelta, ends: Collection[LoadEnd]) -> Document:
    """Return the condition under which a lease cannot be acquired."""
    held = {"$and": [_held(now), {"$gte": ["$generation", since]}]}
    return {"$or": [held, _ended_since(now, pause, ends)]} if pause else held


def _held(now: Moment) -> Document:
    return {"$and": [{"$eq": ["$end", None]}, {"$gt": ["$held_until", now]}]}


def _ended_since(now: Moment, pause: timedelta, ends: Collection[LoadEnd]) -> Document:
    so_ended = {"$in": ["$end", sorted(str(end) for end in ends)]}
    return {"$and": [so_ended, {"$gt": ["$held_until", {"$subtract": [now, _milliseconds(pause)]}]}]}


def _shown(now: Moment) -> Document:
    return {"nonce": 1, "owner": 1, "end": 1, "failure": 1, "held": _held(now)}


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


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
