"""The collection ``sync_state``: the state that syncs pass on, in a single document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pymongo.errors import DuplicateKeyError

from dealcache.model.read_with_deals import ReadWithDeals
from dealcache.repositories.connection import Repository
from dealcache.repositories.documents import Document, milliseconds, utc
from dealcache.repositories.record_documents import read_all

#: The condition for the one document.
ACCOUNT = {"_id": "account"}

#: Seconds after which a new watermark counts, because every process that answers readers has read it by then.
COUNTS_AFTER_SECONDS = 0.125

#: The watermarks as noted; an earlier version wrote only the latest, which it did not note here.
_ONLY = {"$cond": [{"$gt": ["$watermark", None]}, [{"watermark": "$watermark", "counts_at": "$$NOW"}], []]}
_NOTED = {"$cond": [{"$eq": [{"$last": "$watermarks.watermark"}, "$watermark"]}, "$watermarks", _ONLY]}

#: By MongoDB's own clock, when a watermark that is noted now will count. One that would count later than that was noted
#: while the clock was ahead.
_COUNTS_AT: Document = {"$add": ["$$NOW", int(COUNTS_AFTER_SECONDS * 1000)]}
_COUNTED = {"watermark": "$$this.watermark", "counts_at": "$$NOW"}
_AS_NOTED = {"$cond": [{"$gt": ["$$this.counts_at", _COUNTS_AT]}, _COUNTED, "$$this"]}
_WATERMARKS = {"$map": {"input": _NOTED, "in": _AS_NOTED}}


@dataclass(frozen=True, slots=True)
class NotedWatermark:
    """A watermark, and in how many seconds it counts; not above 0: it counts already."""

    watermark: datetime
    counts_in: float = 0.0


@dataclass(frozen=True, slots=True)
class PeopleState:
    """How far syncs have come with the people that take part in deals and activities.

    ``is_followed``: the last sync followed them. ``position``: the type of records, and the last of their ids, up to
    which the walk through all of them has come; None at its start. ``walked``: it has come to its end. ``searched``: up
    to when changes of each type of people are stored.
    """

    is_followed: bool = False
    position: tuple[str, str] | None = None
    walked: bool = False
    searched: Mapping[str, datetime] = field(default_factory=dict)


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
    read with; None if nothing beyond the fixed properties was ever wanted. ``people``: what is known of
    those who take part in deals and activities.
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
    people: PeopleState = field(default_factory=PeopleState)


class SyncStateRepository(Repository):
    """Reads and writes it."""

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
        advanced = {"watermark": "$watermark", "counts_at": _COUNTS_AT}
        self._write(
            [
                {"$set": {"watermarks": _WATERMARKS}},
                {"$set": {"watermark": self._raised("watermark", to, present)}},
                {"$set": {"watermarks": {"$concatArrays": [needed, [advanced]]}}},
            ]
        )

    def noted_watermarks(self) -> list[NotedWatermark]:
        """Return the latest watermark that counts and those that will, oldest first; see :class:`.SyncWatermark`."""
        with self._connection.operation() as database:
            document = database.sync_state.find_one(ACCOUNT, {"watermarks": _WATERMARKS, "now": "$$NOW"})
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

    def note_people_walk(self, position: tuple[str, str] | None = None, *, ended: bool = False) -> None:
        """Note up to where the walk through the people that take part in anything has come, or that it has ended.

        Args:
            position: the type of records, and the last of their ids; None to begin anew.
            ended: True if it has come to its end.
        """
        at = None if position is None else {"object_type": position[0], "after": position[1]}
        self._write({"$set": {"people.walked": ended, "people.position": at}})

    def note_people_searched(self, object_type: str, until: datetime) -> None:
        """Note that all changes of one type of people up to ``until`` are stored."""
        self._write({"$set": {f"people.searched.{object_type}": milliseconds(until)}})

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
        """Note at which type of records, and which page of their list, the walk through archived records continues."""
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
    read, people = document.get("read_with_deals"), document.get("people", {})
    return SyncState(
        watermark=utc(document.get("watermark")),
        positions=_dates(document.get("positions")),
        reread_at=utc(document.get("reread_at")),
        archived_position=_position(document.get("archived_position")),
        next_run_at=utc(document.get("next_run_at")),
        partly_loaded_at=utc(document.get("partly_loaded_at")),
        unlisted=frozenset(document.get("unlisted", ())),
        completed=_dates(document.get("completed")),
        read_with_deals=None
        if read is None
        else ReadWithDeals(read["configured"], read["digest"], _utc(read["since"])),
        people=PeopleState(
            is_followed="people" in document,
            position=_position(people.get("position")),
            walked=people.get("walked") is True,
            searched=_dates(people.get("searched")),
        ),
    )


def _position(document: Mapping[str, Any] | None) -> Any:
    return None if document is None else (document["object_type"], document["after"])


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _dates(document: Mapping[str, datetime] | None) -> dict[str, datetime]:
    return {name: _utc(moment) for name, moment in (document or {}).items()}


def _to_noted(now: datetime, document: Mapping[str, Any]) -> NotedWatermark:
    """Return a watermark as a value, ``now`` being MongoDB's time."""
    return NotedWatermark(_utc(document["watermark"]), (document["counts_at"] - now).total_seconds())
