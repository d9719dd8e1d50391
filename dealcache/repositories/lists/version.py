"""The collection ``list_state``: the version of all lists of deals, which grows with every change that a list may show.

A writer notes that it is changing something, changes it, and removes its note as it raises the version. So a version
read while no writer was changing anything identifies one content. During a change every reading returns a version of
its own, as does a reading after a writer was killed, until its note counts as abandoned.

Versions are times of MongoDB's clock in milliseconds, as long as these increase: a database that loses its last writes,
or is restored from a backup, never gives an old version to new content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import PyMongoError

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, any_date
from dealcache.repositories.lists.stage_moves import KeptStages, StageMoves
from dealcache.repositories.lists.writers import DEAD_MILLISECONDS, STATE_ID, state_of, still_alive, update_state

#: Seconds after which a continuing change is noted again.
_NOTE_SECONDS = 5.0

_READ: Document = {"version": 1, "changing": 1, "writers": 1, "now": "$$NOW"}

#: The stage of an aggregation that appends the document of the version, for :func:`state_in`, to others.
APPEND_STATE: Document = {
    "$unionWith": {"coll": "list_state", "pipeline": [{"$match": STATE_ID}, {"$project": _READ}]},
}
_RAISED: Document = {"$max": [{"$add": [{"$ifNull": ["$version", 0]}, 1]}, {"$toLong": "$$NOW"}]}


@dataclass(frozen=True, slots=True)
class ListState:
    """The version of all lists, and the changes in progress when it was read.

    Args:
        version: the version.
        is_changing: True if a writer is changing something.
        signed_at: when a writing process last gave a sign of life; None if none has.
        is_quiet: True if that is so long ago that the process counts as dead.
    """

    version: int
    is_changing: bool
    signed_at: datetime | None
    is_quiet: bool


def state_in(found: Document) -> ListState:
    """Return the state in a document of the version, in which dates may be naive."""
    writers: dict[str, Any] = found.get("writers") or {}
    signed_at = max(writers.values(), default=None)
    is_quiet = signed_at is None or found["now"] - signed_at > timedelta(milliseconds=DEAD_MILLISECONDS)
    return ListState(int(found.get("version", 0)), bool(found.get("changing")), any_date(signed_at), is_quiet)


class KeptTotals(NamedTuple):
    """The totals of stages as they are stored, and how long ago all deals were added up."""

    stages: KeptStages
    age: timedelta


_NONE_ABANDONED: Document = {"$eq": [{"$size": {"$objectToArray": "$changing"}}, {"$size": still_alive("$changing")}]}


def _totals_at_raised(stages: Any, currencies: Any, *conditions: Document) -> Document:
    """Return the update by which kept totals become those of the raised version, if they are those of the present one.

    Otherwise they are dropped: another writer has raised the version without updating them. One of an earlier version
    has dropped those by currency alone.
    """
    present = {"$and": [{"$gt": ["$totals.version", 0]}, {"$eq": ["$totals.version", "$version"]}, *conditions]}
    by_currency = {"$cond": [{"$eq": [{"$type": "$totals.currencies"}, "object"]}, currencies, "$$REMOVE"]}
    raised = {
        "version": _RAISED,
        "stages": stages,
        "currencies": by_currency,
        "added_up_at": "$totals.added_up_at",
    }
    return {"totals": {"$cond": [present, raised, "$$REMOVE"]}}


class ListVersion:
    """Reads and raises the version. Thread-safe.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self) -> ListState:
        """Return the version; read it before the content that it identifies.

        Raises:
            StoreError: MongoDB failed.
        """
        with self._connection.operation() as database:
            state = state_of(database)
            found = state.find_one(STATE_ID, _READ) or {}
            if changing := found.get("changing"):
                left = {"changing": {"$arrayToObject": still_alive("$changing")}, "version": _RAISED}
                # The effect of abandoned changes on the totals of stages is unknown.
                change = [{"$set": left | _totals_at_raised("$totals.stages", "$totals.currencies", _NONE_ABANDONED)}]
                found |= state.find_one_and_update(STATE_ID, change, return_document=ReturnDocument.AFTER) or {}
                found["changing"] = changing
        return state_in(found)

    def renew(self) -> None:
        """Raise the version; raises as :meth:`read`."""
        with self._connection.operation() as database:
            update_state(state_of(database), [{"$set": {"version": _RAISED}}])


class Change:
    """A change of lists in progress. Works inside :meth:`.Connection.operation`.

    Args:
        database: where it is made.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, database: Database[Document], timer: Callable[[], float] = time.monotonic) -> None:
        self._state = state_of(database)
        self._timer = timer
        self._note = f"changing.{ObjectId()}"
        self._noted_at: float | None = None
        #: Its effect on the totals of stages.
        self.moves = StageMoves()

    def begin(self) -> None:
        """Note that something is about to change; to be called before each write that affects lists."""
        note = [{"$set": {self._note: "$$NOW"}}]
        if self._noted_at is None:
            update_state(self._state, note)
        elif self._timer() - self._noted_at <= _NOTE_SECONDS:
            return
        elif not self._state.update_one(STATE_ID | {self._note: {"$exists": True}}, note).matched_count:
            # It counted as abandoned: deals may have been added up meanwhile, with only some of its changes.
            self.moves.forget()
            update_state(self._state, note)
        self._noted_at = self._timer()

    def end(self) -> None:
        """Raise the version if something may have changed."""
        if self._noted_at is not None:
            not_abandoned: Document = {"$ne": [{"$type": f"${self._note}"}, "missing"]}
            moved = self.moves.applied_to("$totals.stages")
            by_currency = self.moves.applied_to_currencies("$totals.currencies")
            totals = _totals_at_raised(moved, by_currency, not_abandoned) if self.moves.are_known else {}
            update_state(self._state, [{"$set": {"version": _RAISED} | totals}, {"$unset": [self._note]}])


#: The change in progress in this thread.
_current: ContextVar[Change | None] = ContextVar("change of lists", default=None)


@contextmanager
def changing(database: Database[Document]) -> Iterator[Change]:
    """Yield a change, to be begun before the first write that affects lists; afterwards raise the version.

    Inside another change it becomes a part of that. Works inside :meth:`.Connection.operation` and raises the driver's
    errors.
    """
    if outer := _current.get():
        try:
            yield outer
        except BaseException:
            outer.moves.forget()
            raise
        return
    change = Change(database)
    token = _current.set(change)
    try:
        yield change
    except BaseException:
        change.moves.forget()
        with suppress(PyMongoError):  # otherwise the note stays until it counts as abandoned
            change.end()
        raise
    finally:
        _current.reset(token)
    change.end()


def kept_totals(database: Database[Document]) -> KeptTotals | None:
    """Return the kept totals of stages, None while they may be wrong; works as :func:`changing`."""
    found = state_of(database).find_one(STATE_ID, {"version": 1, "changing": 1, "totals": 1, "now": "$$NOW"}) or {}
    totals = found.get("totals") or {}
    if found.get("changing") or not totals or totals["version"] != found["version"]:
        return None
    if "currencies" not in totals:  # kept by a worker of an earlier version
        return None
    return KeptTotals(KeptStages(totals["stages"], totals["currencies"]), found["now"] - totals["added_up_at"])


def keep_totals(database: Database[Document], version: int, totals: KeptStages) -> None:
    """Keep totals of stages that were added up after the version was read; do nothing if it has changed since.

    Works as :func:`changing`.
    """
    kept: Document = {"version": version, "added_up_at": "$$NOW"}
    kept |= {name: {"$literal": sums} for name, sums in totals._asdict().items()}
    nothing_changed: Document = STATE_ID | {"version": version, "changing": {"$in": [None, {}]}}
    state_of(database).update_one(nothing_changed, [{"$set": {"totals": kept}}])
