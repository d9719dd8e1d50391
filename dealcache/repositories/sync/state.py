"""The collection ``sync_state``: the state that syncs pass on, in a single document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pymongo.errors import DuplicateKeyError

from dealcache.model.read_with_deals import ReadWithDeals
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, milliseconds, utc
from dealcache.repositories.record_documents import read_all

#: The condition for the one document.
ACCOUNT = {"_id": "account"}

#: Seconds after which a new watermark counts, because every process that answers readers has read it by then.
COUNTS_AFTER_SECONDS = 0.125

#: The watermarks as noted; an earlier version wrote only the latest, which it did not note here.
_ONLY = {"$cond": [{"$gt": ["$watermark", None]}, [{"watermark": "$watermark", "counts_at": "$$NOW"}], []]}
_NOTED = {"$cond": [{"$eq": [{"$last": "$watermarks.watermark"}, "$watermark"]}, "$watermarks", _ONLY]}


@dataclass(frozen=True, slots=True)
class NotedWatermark:
    """A watermark, and in how many seconds it counts; not above 0: it counts already."""

    watermark: datetime
    counts_in: float = 0.0


@dataclass(frozen=True, slots=True)
class SyncState:
    """The state that one sync passes on to the next.

    ``watermark``: every change up to then is stored; None before the first sync. ``positions``: up to when the changes
    of single types of records are stored, if that is later because others could not be read. ``reread_at``: when the
    last reconciliation was made. ``archived_position``: the type of record and the page (None: the first) at which the
    walk through the lists of archived records continues; None at the start. ``next_run_at``: when the next sync by
    itself is due. ``partly_loaded_at``: since when a full load has stored what it could, although it ended without some
    types of records; None when the last one ended well. ``unlisted``: the types of activities whose archived records
    HubSpot did not list when they were last asked for. ``completed``: when the last job of each type was completed;
    ``full`` also when a job of another type loaded everything. ``read_with_deals``: what all stored deals were last
    read with; None if nothing beyond the fixed properties was ever wanted. ``follows_people``: who takes part in
    deals and activities was read by the last sync; see :class:`.PeopleState`.
    """

    watermark: datetime | None = None
    positions: Mapping[str, datetime] = field(default_factory=dict)
    reread_at: datetime | None = None
    archived_position: tuple[str, str | None] | None = None
    next_run_at: datetime | None = None
    partly_loaded_at: datetime | None = None
    unlisted: frozenset[str] = frozenset()
    completed: Mapping[str, datetime] = field(default_factory=dict)
    read_with_deals: ReadWithDeals | None = None
    follows_people: bool = False


class SyncStateRepository:
    """Reads and writes it. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the connection to MongoDB.
        counts_after: seconds after which a new watermark counts.
    """

    def __init__(self, connection: Connection, counts_after: float = COUNTS_AFTER_SECONDS) -> None:
        self._connection = connection
        #: By MongoDB's own clock, when a watermark that is noted now will count.
        self._counts_at = {"$add": ["$$NOW", int(counts_after * 1000)]}
        # One that would count later than that was noted while the clock was ahead.
        counted = {"watermark": "$$this.watermark", "counts_at": "$$NOW"}
        as_noted = {"$cond": [{"$gt": ["$$this.counts_at", self._counts_at]}, counted, "$$this"]}
        self._watermarks = {"$map": {"input": _NOTED, "in": as_noted}}

    def load(self) -> SyncState:
        """Return the present state."""
        with self._connection.operation() as database:
            document = database.sync_state.find_one(ACCOUNT)
        return read_all("sync_state", to_state, [document or {}])[0]

    def advance_watermark(self, to: datetime, present: datetime) -> None:
        """Note that every change up to ``to`` is stored, unless a later time is already noted.

        Args:
            to: that time.
            present: a noted time later than this, which a wrong clock must have written, does not count.
        """
        counting = {"$filter": {"input": "$watermarks.counts_at", "cond": {"$lte": ["$$this", "$$NOW"]}}}
        needed = {"$filter": {"input": "$watermarks", "cond": {"$gte": ["$$this.counts_at", {"$max": counting}]}}}
        advanced = {"watermark": "$watermark", "counts_at": self._counts_at}
        self._write(
            [
                {"$set": {"watermarks": self._watermarks}},
                {"$set": {"watermark": self._raised("watermark", to, present)}},
                {"$set": {"watermarks": {"$concatArrays": [needed, [advanced]]}}},
            ]
        )

    def noted_watermarks(self) -> list[NotedWatermark]:
        """Return the latest watermark that counts and those that will, oldest first; see :class:`.SyncWatermark`."""
        with self._connection.operation() as database:
            document = database.sync_state.find_one(ACCOUNT, {"watermarks": self._watermarks, "now": "$$NOW"})
        if document is None:
            return []
        return read_all("sync_state", partial(_to_noted, document["now"]), document["watermarks"])

    def advance_positions(self, object_types: Iterable[str], to: datetime, present: datetime) -> None:
        """Note that every change of these types up to ``to`` is stored; as :meth:`advance_watermark`."""
        for one in object_types:
            self._raise(f"positions.{one}", to, present)

    def note_partly_loaded(self, since: datetime | None) -> None:
        """Note since when a full load that ended without some types has stored the others; None if it ended well."""
        self._write({"$set": {"partly_loaded_at": None if since is None else milliseconds(since)}})

    def note_listed(self, object_type: str, *, listed: bool) -> None:
        """Note whether HubSpot lists the archived activities of a type."""
        self._write({"$pull" if listed else "$addToSet": {"unlisted": object_type}})

    def note_completed(self, job_type: str, at: datetime) -> None:
        """Note that a job of that type was completed at ``at``; the present is always the latest time."""
        self._write({"$set": {f"completed.{job_type}": milliseconds(at)}})

    def note_read_with_deals(self, read: ReadWithDeals) -> None:
        """Note what all stored deals were read with."""
        fields = {"configured": read.configured, "digest": read.digest, "since": milliseconds(read.since)}
        self._write({"$set": {"read_with_deals": fields}})

    def stop_following_people(self) -> None:
        """Note that syncs no longer follow who takes part in what: once they do again, they begin anew."""
        self._write({"$unset": {"people": ""}})

    def note_reread(self, at: datetime, present: datetime) -> None:
        """Note that a reconciliation was made at ``at`` or later; ``present`` as above."""
        self._raise("reread_at", at, present)

    def _raise(self, name: str, to: datetime, present: datetime) -> None:
        self._write([{"$set": {name: self._raised(name, to, present)}}])

    def _raised(self, name: str, to: datetime, present: datetime) -> Document:
        moment = milliseconds(to)
        future = {"$gt": [f"${name}", milliseconds(present)]}
        return {"$cond": [future, moment, {"$max": [f"${name}", moment]}]}

    def note_archived_position(self, object_type: str, after: str | None) -> None:
        """Note where the walk through the lists of archived records continues.

        Args:
            object_type: the type of the records.
            after: the page of their list; None for the first.
        """
        self._write({"$set": {"archived_position": {"object_type": object_type, "after": after}}})

    def _write(self, change: Document | list[Document]) -> None:
        with self._connection.operation() as database:
            database.sync_state.update_one(ACCOUNT, change, upsert=True)

    def claim_turn(self, now: datetime, interval: timedelta) -> bool:
        """Return True if the next automatic sync is due and the caller must start it; schedule the one after it.

        A time further ahead than one interval comes from a longer one, or a wrong clock, and counts as past.

        Args:
            now: the present.
            interval: the time until the next sync after this one.
        """
        moment = milliseconds(now)
        following = moment + interval
        due = [{"next_run_at": None}, {"next_run_at": {"$lte": moment}}, {"next_run_at": {"$gt": following}}]
        with self._connection.operation() as database:
            try:
                database.sync_state.update_one(
                    ACCOUNT | {"$or": due}, {"$set": {"next_run_at": following}}, upsert=True
                )
            except DuplicateKeyError:
                return False  # it exists, but is not due
        return True


def to_state(document: Mapping[str, Any]) -> SyncState:
    """Return the document as a value; an empty one before the first sync."""
    position = document.get("archived_position")
    return SyncState(
        watermark=utc(document.get("watermark")),
        positions={name: moment.replace(tzinfo=UTC) for name, moment in document.get("positions", {}).items()},
        reread_at=utc(document.get("reread_at")),
        archived_position=None if position is None else (position["object_type"], position["after"]),
        next_run_at=utc(document.get("next_run_at")),
        partly_loaded_at=utc(document.get("partly_loaded_at")),
        unlisted=frozenset(document.get("unlisted", ())),
        completed={name: moment.replace(tzinfo=UTC) for name, moment in document.get("completed", {}).items()},
        read_with_deals=_to_read(document.get("read_with_deals")),
        follows_people="people" in document,
    )


def _to_read(document: Mapping[str, Any] | None) -> ReadWithDeals | None:
    if document is None:
        return None
    return ReadWithDeals(document["configured"], document["digest"], document["since"].replace(tzinfo=UTC))


def _to_noted(now: datetime, document: Mapping[str, Any]) -> NotedWatermark:
    """Return a watermark as a value, ``now`` being MongoDB's time."""
    return NotedWatermark(document["watermark"].replace(tzinfo=UTC), (document["counts_at"] - now).total_seconds())
