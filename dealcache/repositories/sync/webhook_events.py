"""The collection ``webhook_events``: events are kept until they are processed, and three days longer.

The document is kept that long so that a repeated delivery is recognized.

An event waits (``pending``) until its record was read. One that failed, or may be to blame for the failure of others,
has the name of its ``record``, and is processed separately. Between two tries it is leased to a fictitious owner, so
that a worker of a previous release, which knows no pauses, leaves it alone too. After a day it is set aside: it no
longer waits, and is only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import InsertOne, UpdateMany, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from dealcache.model.jobs import WebhookEvent
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, any_date, milliseconds, utc
from dealcache.repositories.writes.newest_wins import lost_races

_FIELDS = tuple(field.name for field in fields(WebhookEvent) if field.name != "key")
_OLDEST_FIRST = [("received_at", 1), ("_id", 1)]

#: The conditions for waiting events, and for those that were set aside.
PENDING: Document = {"pending": True}
SET_ASIDE: Document = {"set_aside_at": {"$exists": True}}
_ATTEMPTS = 5  # each is lost only if others take everything that was free a moment ago

#: The owner of an event between two tries.
_NOBODY = "(paused)"

_FREE = {"owner": "", "leased_until": ""}
_SETTLED = {"pending": "", "set_aside_at": "", **_FREE}

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

#: The document of an event that another program or release has damaged must not affect the others.
READ_ANYTHING: CodecOptions[Document] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_CLAMP, unicode_decode_error_handler="replace"
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A claimed event.

    ``key`` is the document's ``_id``; ``record`` names the records that it is about, see :attr:`.WebhookEvent.record`;
    ``content`` is None if the document cannot be read; ``attempts`` is how often its record failed alone.
    """

    key: Any
    record: str
    content: WebhookEvent | None
    received_at: datetime
    attempts: int = 0


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


class WebhookEventRepository:
    """Reads and writes events. Every method raises StoreError or StoreUnavailable when MongoDB fails."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def store(self, received: Sequence[WebhookEvent], now: datetime) -> int:
        """Store events, each once by its key; return how many were new."""
        if not received:
            return 0
        received_at = milliseconds(now)
        inserts = [InsertOne(_document(event, received_at)) for event in received]
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
            events = _tolerant(database)
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
        return EventClaim([_to_event(document, moment) for document in documents], abandoned)

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
            ours = _tolerant(database)
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
            events = _tolerant(database)
            pending = events.count_documents(PENDING)
            oldest = events.find_one(PENDING, sort=_OLDEST_FIRST) if pending else None
            set_aside = events.count_documents(SET_ASIDE)
        return Backlog(pending, None if oldest is None else received_at_of(oldest), set_aside)


def _tolerant(database: Database[Document]) -> Collection[Document]:
    return database.webhook_events.with_options(codec_options=READ_ANYTHING)


def _put_beside(record: str, due_at: datetime | None) -> Document:
    if due_at is None:
        return {"$set": {"record": record}, "$unset": _FREE}
    return {"$set": {"record": record, "owner": _NOBODY, "leased_until": due_at}}


def _document(event: WebhookEvent, received_at: datetime) -> Document:
    document: Document = {"_id": event.key, "received_at": received_at, "pending": True}
    document |= {name: value for name, value in asdict(event).items() if name != "key"}
    document["occurred_at"] = milliseconds(event.occurred_at)
    return document


def _to_event(document: Mapping[str, Any], now: datetime) -> StoredEvent:
    key, attempts = document["_id"], document.get("attempts")
    try:
        content = _to_content(document)
        record = content.record
    except (KeyError, TypeError, AttributeError, ValueError):
        content, record = None, f"an unreadable event:{key}"
    failures = max(0, attempts) if isinstance(attempts, int) else 0
    return StoredEvent(key, record, content, received_at_of(document) or now, failures)


def received_at_of(document: Mapping[str, Any]) -> datetime | None:
    """Return when an event arrived or, if its document does not say, since when it has failed."""
    moments = [document.get(name) for name in ("received_at", "arrived_at")]
    known = [moment for moment in moments if isinstance(moment, datetime)]
    if not known and isinstance(document.get("failed_since"), datetime):
        known = [document["failed_since"]]
    return utc(min(known)) if known else None


def _to_content(document: Mapping[str, Any]) -> WebhookEvent:
    values = {name: document[name] for name in _FIELDS}
    values["occurred_at"] = any_date(values["occurred_at"]) or _LONG_AGO  # processing does not need it
    values["merged_ids"] = tuple(values["merged_ids"])
    content = WebhookEvent(key=document["_id"], **values)
    if not all(isinstance(one, str) for record in content.records for one in record):
        raise TypeError
    return content
