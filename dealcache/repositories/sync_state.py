"""The collection ``sync_state``: what syncs know from one to the next, in a single document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, milliseconds, read_all, utc

_ACCOUNT = {"_id": "account"}


@dataclass(frozen=True, slots=True)
class SyncState:
    """What syncs know.

    ``watermark``: every change up to then is stored; None before the first sync. ``reread_at``: when what no search
    finds was last looked for. ``archived_position``: the type of record and the page (None: the first) at which the
    walk through the lists of archived records goes on; None at the start. ``next_run_at``: when the next sync by
    itself is due.
    """

    watermark: datetime | None = None
    reread_at: datetime | None = None
    archived_position: tuple[str, str | None] | None = None
    next_run_at: datetime | None = None


class SyncStateRepository:
    """Reads and writes it. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self) -> SyncState:
        """What is known now."""
        with self._connection.operation() as database:
            document = database.sync_state.find_one(_ACCOUNT)
        return read_all("sync_state", _to_state, [document or {}])[0]

    def advance_watermark(self, to: datetime) -> None:
        """Note that every change up to ``to`` is stored, unless that is known of a later time."""
        self._write({"$max": {"watermark": milliseconds(to)}})

    def note_reread(self, at: datetime) -> None:
        """Note that at ``at``, or later, it was looked for what no search finds."""
        self._write({"$max": {"reread_at": milliseconds(at)}})

    def note_archived_position(self, object_type: str, after: str | None) -> None:
        """Note where the walk through the lists of archived records goes on.

        Args:
            object_type: the type of the records.
            after: the page of their list; None for the first.
        """
        self._write({"$set": {"archived_position": {"object_type": object_type, "after": after}}})

    def _write(self, change: Document) -> None:
        with self._connection.operation() as database:
            database.sync_state.update_one(_ACCOUNT, change, upsert=True)

    def take_turn(self, now: datetime, interval: timedelta) -> bool:
        """Whether the next sync by itself is due and the caller is the one to begin it; then the one after is set.

        A time that lies further ahead than one interval comes from a longer one, or a clock that was wrong, and counts
        as past.

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
                    _ACCOUNT | {"$or": due}, {"$set": {"next_run_at": following}}, upsert=True
                )
            except DuplicateKeyError:
                return False  # it is there, but not due
        return True


def _to_state(document: Mapping[str, Any]) -> SyncState:
    position = document.get("archived_position")
    return SyncState(
        watermark=utc(document.get("watermark")),
        reread_at=utc(document.get("reread_at")),
        archived_position=None if position is None else (position["object_type"], position["after"]),
        next_run_at=utc(document.get("next_run_at")),
    )
