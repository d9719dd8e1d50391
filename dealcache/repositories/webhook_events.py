"""The collection ``webhook_events``: what HubSpot's webhooks told, until it was looked into and three days longer.

The document stays for that long so that a delivery which HubSpot repeats is known again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from pymongo import InsertOne
from pymongo.errors import BulkWriteError

from dealcache.hints import Hint
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, milliseconds, read_all, utc
from dealcache.repositories.newest_wins import lost_races

_FIELDS = tuple(field.name for field in fields(Hint) if field.name != "key")
_OLDEST_FIRST = [("arrived_at", 1), ("_id", 1)]
_ATTEMPTS = 5  # each is lost only when others take everything that was free a moment ago


@dataclass(frozen=True, slots=True)
class EventClaim:
    """Events that were taken, and whether somebody had some of them before whose lease is over: he may have died."""

    hints: list[Hint]
    abandoned: bool


class WebhookEventRepository:
    """Reads and writes events. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def store(self, hints: Sequence[Hint], now: datetime) -> int:
        """Keep events to be looked into, each once: those that are known by their key are left out.

        Args:
            hints: what came.
            now: the present.

        Returns:
            How many were new.
        """
        if not hints:
            return 0
        arrived_at = milliseconds(now)
        inserts = [InsertOne(_document(hint, arrived_at)) for hint in hints]
        with self._connection.operation() as database:
            try:
                database.webhook_events.bulk_write(inserts, ordered=False)
            except BulkWriteError as error:
                return len(hints) - len(lost_races(error))
        return len(hints)

    def claim(self, owner: str, now: datetime, lease: timedelta, limit: int) -> EventClaim:
        """Take events that wait, oldest first.

        Args:
            owner: names the one who asks, among all who share the database. What he has taken before and neither
                done nor given back is his again.
            now: the present.
            lease: for how long nobody else may take them.
            limit: at most how many.

        Returns:
            The events, none of which is anybody else's.
        """
        moment = milliseconds(now)
        free: Document = {
            "pending": True,
            "$or": [{"owner": {"$in": [None, owner]}}, {"leased_until": {"$lte": moment}}],
        }
        taken = {"$set": {"owner": owner, "leased_until": moment + lease}}
        with self._connection.operation() as database:
            events = database.webhook_events
            for _ in range(_ATTEMPTS):
                holders = {
                    event["_id"]: event.get("owner")
                    for event in events.find(free, {"_id": 1, "owner": 1}, sort=_OLDEST_FIRST, limit=limit)
                }
                found = list(holders)
                events.update_many(free | {"_id": {"$in": found}}, taken)
                own = {"_id": {"$in": found}, "owner": owner, "pending": True}
                documents = events.find(own, sort=_OLDEST_FIRST).to_list()
                if documents or not found:
                    break
        hints = read_all("webhook_events", _to_hint, documents)
        return EventClaim(hints, any(holders[hint.key] not in (None, owner) for hint in hints if hint.key in holders))

    def done(self, keys: Iterable[str], now: datetime) -> None:
        """Note that events were looked into."""
        change = {
            "$set": {"done_at": milliseconds(now)},
            "$unset": dict.fromkeys(("pending", "owner", "leased_until"), ""),
        }
        with self._connection.operation() as database:
            database.webhook_events.update_many({"_id": {"$in": list(keys)}}, change)

    def give_back(self, keys: Iterable[str], owner: str) -> None:
        """Let others take events at once that ``owner`` has taken."""
        with self._connection.operation() as database:
            database.webhook_events.update_many(
                {"_id": {"$in": list(keys)}, "owner": owner}, {"$unset": {"owner": "", "leased_until": ""}}
            )

    def pending(self) -> int:
        """How many events wait to be looked into, those that somebody has taken included."""
        with self._connection.operation() as database:
            return database.webhook_events.count_documents({"pending": True})


def _document(hint: Hint, arrived_at: datetime) -> Document:
    document: Document = {"_id": hint.key, "arrived_at": arrived_at, "pending": True}
    document |= {name: value for name, value in asdict(hint).items() if name != "key"}
    document["occurred_at"] = milliseconds(hint.occurred_at)
    return document


def _to_hint(document: Mapping[str, Any]) -> Hint:
    values = {name: document[name] for name in _FIELDS}
    values["occurred_at"] = utc(values["occurred_at"])
    values["merged_ids"] = tuple(values["merged_ids"])
    return Hint(key=document["_id"], **values)
