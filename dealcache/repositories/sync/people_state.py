"""The progress with people that syncs pass on, in the document of ``sync_state``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, milliseconds
from dealcache.repositories.record_documents import read_all
from dealcache.repositories.sync.state import ACCOUNT


@dataclass(frozen=True, slots=True)
class PeopleState:
    """The state that one sync passes on to the next.

    ``position``: the type of records, and the last of their ids, up to which the walk through all of them has come;
    None at its start. ``walked``: it has come to its end. ``searched``: up to when changes of each type of people are
    stored.
    """

    position: tuple[str, str] | None = None
    walked: bool = False
    searched: Mapping[str, datetime] = field(default_factory=dict)


class PeopleStateRepository:
    """Reads and writes it. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self) -> PeopleState:
        """Return the present state."""
        with self._connection.operation() as database:
            document = database.sync_state.find_one(ACCOUNT, {"people": 1}) or {}
        return read_all("sync_state", _to_state, [document])[0]

    def begin_walk(self) -> None:
        """Let the next walk begin at the start: participants may have been missed."""
        self._write({"$set": {"people.walked": False, "people.position": None}})

    def note_position(self, object_type: str, after: str) -> None:
        """Note up to where the walk has come."""
        self._write({"$set": {"people.position": {"object_type": object_type, "after": after}}})

    def note_walked(self) -> None:
        """Note that the walk has come to its end."""
        self._write({"$set": {"people.walked": True, "people.position": None}})

    def note_searched(self, object_type: str, until: datetime) -> None:
        """Note that all changes of one type of people up to ``until`` are stored."""
        self._write({"$set": {f"people.searched.{object_type}": milliseconds(until)}})

    def _write(self, change: Document) -> None:
        with self._connection.operation() as database:
            database.sync_state.update_one(ACCOUNT, change, upsert=True)


def _to_state(document: Mapping[str, Any]) -> PeopleState:
    people = document.get("people", {})
    position = people.get("position")
    return PeopleState(
        position=None if position is None else (position["object_type"], position["after"]),
        walked=people.get("walked") is True,
        searched={name: moment.replace(tzinfo=UTC) for name, moment in people.get("searched", {}).items()},
    )
