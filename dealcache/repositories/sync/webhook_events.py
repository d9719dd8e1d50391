"""The collection ``webhook_events``: events are kept until they are processed, and three days longer.

The document is kept that long so that a repeated delivery is recognized.

An event waits (``pending``) until its record was read. One that failed, or may be to blame for the failure of others,
has the name of its ``record``, and is processed separately. Between two tries it is leased to a fictitious owner, so
that a worker of a previous release, which knows no pauses, leaves it alone too. After a day it is set aside: it no
longer waits, and is only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import InsertOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError

from dealcache.model.jobs import WebhookEvent
from dealcache.repositories.connection import Repository
from dealcache.repositories.documents import Document, milliseconds
from dealcache.repositories.sync.webhook_documents import (
    StoredEvent,
    event_document,
    read_stored,
    received_at_of,
)
from dealcache.repositories.writes.unordered import lost_races

_OLDEST_FIRST = [("received_at", 1), ("_id", 1)]

#: The conditions for waiting events, and for those that were set aside.
PENDING: Document = {"pending": True}
SET_ASIDE: Document = {"set_aside_at": {"$exists": True}}
_ATTEMPTS = 5  # each is lost only if others take everything that was free a moment ago

#: The owner of an event between two tries.
_NOBODY = "(paused)"

_FREE = {"owner": "", "leased_until": ""}
_SETTLED = {"pending": "", "set_aside_at": "", **_FREE}


@dataclass(frozen=True, slots=True)
class EventClaim:
    """Claimed events, and whether another process's lease on some of them expired: it may have died."""

    events: list[StoredEvent]
    abandoned: bool

    @property
    def keys(self) -> list[Any]:
        """The keys of the events."""
        return [event.key for event in self.events]


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """The events of a failed record, oldest first; only the first is kept for all of them.

    ``attempts`` is how often it has failed by now, ``due_at`` when it is tried again; None if it is set aside.
    """

    keys: Sequence[Any]
    record: str
    attempts: int
    reason: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """The number of waiting events, the arrival of the oldest, and the number set aside."""

    pending: int
    oldest_at: datetime | None
    set_aside: int


class WebhookEventRepository(Repository):
    """Reads and writes events."""

    def store(self, received: Sequence[WebhookEvent], now: datetime) -> int:
        """Store events, each once by its key; return how many were new."""
        if not received:
            return 0
        received_at = milliseconds(now)
        inserts = [InsertOne(event_document(event, received_at)) for event in received]
        with self._connection.operation() as database:
            try:
                database.webhook_events.bulk_write(inserts, ordered=False)
            except BulkWriteError as error:
                return len(received) - len(lost_races(error))
        return len(received)

    def claim(self, owner: str, now: datetime, lease: timedelta, limit: int, *, suspected: bool = False) -> EventClaim:
        """Claim waiting events, oldest first, including those that ``owner`` claimed before and did not finish.

        Args:
            owner: the name of the process among all that share the database.
            now: the present.
            lease: how long no other process may claim them.
            limit: the most events.
            suspected: whether to claim failed or suspected events that are due, or all others.
        """
        moment = milliseconds(now)
        free: Document = {
            "pending": True,
            "record": {"$exists": suspected},
            "$or": [{"owner": {"$in": [None, owner]}}, {"leased_until": {"$lte": moment}}],
        }
        taken = {"$set": {"owner": owner, "leased_until": moment + lease}}
        with self._connection.operation() as database:
            events = database.webhook_events
            for _ in range(_ATTEMPTS):
                waiting = events.find(free, {"_id": 1, "owner": 1}, sort=_OLDEST_FIRST, limit=limit).to_list()
                found = [event["_id"] for event in waiting]
                if found:
                    events.update_many(free | {"_id": {"$in": found}}, taken)
                own = {"_id": {"$in": found}, "owner": owner, "pending": True}
                documents = events.find(own, sort=_OLDEST_FIRST).to_list() if found else []
                if documents or not found:
                    break
        # A document of another program may have any key, even one that a dict does not accept.
        left = {repr(event["_id"]) for event in waiting if event.get("owner") not in (None, owner, _NOBODY)}
        abandoned = any(repr(document["_id"]) in left for document in documents)
        return EventClaim([read_stored(document, moment) for document in documents], abandoned)

    def renew(self, keys: Iterable[Any], owner: str, until: datetime) -> None:
        """Extend the lease of those of the events that ``owner`` still has."""
        with self._connection.operation() as database:
            database.webhook_events.update_many(
                {"_id": {"$in": list(keys)}, "owner": owner}, {"$set": {"leased_until": milliseconds(until)}}
            )

    def suspect(self, events: Iterable[StoredEvent], owner: str) -> None:
        """Mark events of ``owner`` to be processed separately at once: their records failed together with others."""
        updates = [
            UpdateOne({"_id": event.key, "owner": owner}, {"$set": {"record": event.record}, "$unset": _FREE})
            for event in events
        ]
        with self._connection.operation() as database:
            if updates:
                database.webhook_events.bulk_write(updates, ordered=False)

    def join_failing(self, events: Iterable[StoredEvent], owner: str, now: datetime, every: timedelta) -> set[str]:
        """Attach new events of ``owner`` to earlier failed ones about the same records; return the attached ones.

        They end the pause of the earlier ones, at most once within ``every``; otherwise they wait for its end as well.
        """
        moment = milliseconds(now)
        by_record: dict[str, list[Any]] = {}
        for event in events:
            by_record.setdefault(event.record, []).append(event.key)
        with self._connection.operation() as database:
            ours = database.webhook_events
            known = set(ours.find({"record": {"$in": list(by_record)}, "done_at": None}).distinct("record"))
            if not known:
                return known
            paused = {
                "record": {"$in": list(known)},
                "pending": True,
                "owner": _NOBODY,
                "leased_until": {"$gt": moment},
            }
            may_end = {"$or": [{"early_at": None}, {"early_at": {"$lte": moment - every}}]}
            ours.update_many(paused | may_end, {"$set": {"early_at": moment}, "$unset": _FREE})
            due = {one["record"]: one["leased_until"] for one in ours.find(paused, {"record": 1, "leased_until": 1})}
            ours.bulk_write(
                [
                    UpdateMany({"_id": {"$in": keys}, "owner": owner}, _put_beside(record, due.get(record)))
                    for record, keys in by_record.items()
                    if record in known
                ],
                ordered=False,
            )
        return known

    def done(self, events: Iterable[StoredEvent], read_at: datetime, now: datetime) -> None:
        """Mark events as done, with all others about the same records that came before ``read_at``."""
        done = list(events)
        change = {"$set": {"done_at": milliseconds(now)}, "$unset": _SETTLED}
        earlier = {"done_at": None, "received_at": {"$lte": milliseconds(read_at)}}
        with self._connection.operation() as database:
            database.webhook_events.update_many({"_id": {"$in": [event.key for event in done]}}, change)
            records = list({event.record for event in done})
            database.webhook_events.update_many({"record": {"$in": records}} | earlier, change)

    def failed(self, records: Iterable[FailedRecord], now: datetime) -> None:
        """Postpone the events of records that failed, or set them aside."""
        moment = milliseconds(now)
        updates: list[UpdateOne | UpdateMany] = []
        done = {"$set": {"done_at": moment}, "$unset": _SETTLED}
        for one in records:
            first, *others = one.keys
            noted: Document = {"record": one.record, "attempts": one.attempts, "reason": one.reason}
            if one.due_at is not None:
                noted |= {"owner": _NOBODY, "leased_until": milliseconds(one.due_at)}
                change: Document = {"$set": noted, "$min": {"failed_since": moment}}
            else:
                change = {"$set": noted | {"set_aside_at": moment}, "$unset": {"pending": "", **_FREE}}
                before = {"record": one.record, "set_aside_at": {"$exists": True}, "_id": {"$ne": first}}
                updates.append(UpdateMany(before, done))
            updates.append(UpdateOne({"_id": first, "pending": True}, change))
            if others:
                updates.append(UpdateMany({"_id": {"$in": others}}, done))
        with self._connection.operation() as database:
            if updates:
                database.webhook_events.bulk_write(updates, ordered=False)

    def give_back(self, keys: Iterable[Any], owner: str) -> None:
        """Release events of ``owner``, so that others may claim them at once."""
        with self._connection.operation() as database:
            database.webhook_events.update_many({"_id": {"$in": list(keys)}, "owner": owner}, {"$unset": _FREE})

    def backlog(self) -> Backlog:
        """Return how many events wait, claimed ones included, and how many were set aside."""
        with self._connection.operation() as database:
            events = database.webhook_events
            pending = events.count_documents(PENDING)
            oldest = events.find_one(PENDING, sort=_OLDEST_FIRST) if pending else None
            set_aside = events.count_documents(SET_ASIDE)
        return Backlog(pending, None if oldest is None else received_at_of(oldest), set_aside)


def _put_beside(record: str, due_at: datetime | None) -> Document:
    if due_at is None:
        return {"$set": {"record": record}, "$unset": _FREE}
    return {"$set": {"record": record, "owner": _NOBODY, "leased_until": due_at}}
