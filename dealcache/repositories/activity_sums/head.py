"""The head of the sums of activities, one document of ``activity_sums``: which sums hold, and the change in progress.

Sums are made once for all deals, as a new generation, and then changed. A change concerns many documents, and a process
may be killed between two of them. So it is first noted in the head as a whole, which succeeds only if no other change
was noted since the sums were read. Then any process may carry it out, any number of times and several at once: each
document has the number of its last change, and takes each change once. The next change has to wait until then.

The writes need not wait for the journal of MongoDB, because it keeps their order: what a crash loses is the last
changes, and the deals that they concern have lost the mark that they are summed, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.database import Database

from dealcache.repositories.activity_sums.counts import Change, pack_change, unpack_change
from dealcache.repositories.connection import Connection, Repository, unjournaled
from dealcache.repositories.documents import Document

#: The version of the format of all documents of sums.
_FORMAT = 2

_HEAD: Document = {"_id": "head"}


class Pending(NamedTuple):
    """A noted change: the difference of all sums, and the new ``stage`` and packed ``counts`` of each changed deal."""

    change: Change
    parts: Sequence[Document]


class Head(NamedTuple):
    """The head as it was read.

    Args:
        generation: the sums that hold.
        number: that of the last change.
        pending: that change if it may not be carried out yet, else None.
        types: the types of other systems that have numbers of their own.
        installation: the name of the database in which the sums were made.
    """

    generation: ObjectId
    number: int
    pending: Pending | None
    types: Sequence[str]
    installation: str


def sums_of(database: Database[Document]) -> Collection[Document]:
    """Return the collection of the sums."""
    return unjournaled(database, "activity_sums")


def parts_of(database: Database[Document]) -> Collection[Document]:
    """Return the collection of the counts of each deal that are in the sums."""
    return unjournaled(database, "activity_parts")


def part_id(generation: ObjectId | None, deal: Any) -> Document:
    """Return the id of a deal's counts; ``deal`` is the ``_id`` of its document, and no generation sorts first."""
    return {"of": generation, "deal": deal}


class ActivityRepository(Repository):
    """Reads and writes sums of activities.

    Args:
        zone: the zone of the days.
    """

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        super().__init__(connection)
        self._zone = zone

    def head(self) -> Head | None:
        """Return the head as it is, perhaps with a pending change.

        None if there are no sums by the days of this zone, in this version's format.
        """
        with self._connection.operation() as database:
            found = sums_of(database).find_one(_HEAD | {"zone": str(self._zone), "format": _FORMAT})
        if found is None:
            return None
        noted = found.get("pending")
        pending = None if noted is None else Pending(unpack_change(noted["change"]), noted["parts"])
        return Head(found["of"], found["number"], pending, found["types"], found["installation"])

    def begin_sums(self, head: Head) -> None:
        """Make the sums of a head, which are complete, those that hold; raise DuplicateKeyError if there are others.

        Args:
            head: without a change.
        """
        fields: Document = {"of": head.generation, "zone": str(self._zone), "format": _FORMAT, "number": head.number}
        fields |= {"types": {"$literal": list(head.types)}, "installation": head.installation}
        complete = [{"$set": fields | {"asked_at": "$$NOW", "checked_at": "$$NOW"}}]
        with self._connection.operation() as database:
            sums_of(database).update_one(_HEAD | {"of": None}, complete, upsert=True)

    def end_sums(self, unasked_minutes: int | None = None) -> bool:
        """Remove the head, and return True if there was one.

        Args:
            unasked_minutes: remove it only if the last question is so long ago.
        """
        unasked: Document = {} if unasked_minutes is None else _longer_ago("$asked_at", unasked_minutes)
        with self._connection.operation() as database:
            return sums_of(database).delete_one(_HEAD | unasked).deleted_count > 0

    def note_change(self, head: Head, pending: Pending, types: Sequence[str]) -> Head | None:
        """Note a change, and return the head with it; None if another process has noted one since ``head`` was read."""
        noted = {"change": pack_change(pending.change), "parts": pending.parts}
        unchanged = _HEAD | {"of": head.generation, "number": head.number, "pending": None}
        if not self._update(unchanged, {"$set": {"pending": noted, "number": head.number + 1, "types": list(types)}}):
            return None
        return head._replace(number=head.number + 1, pending=pending, types=types)

    def note_carried_out(self, head: Head) -> None:
        """Note that the pending change was carried out."""
        self._update(_HEAD | {"of": head.generation, "number": head.number}, {"$unset": {"pending": ""}})

    def note_asked(self) -> None:
        """Note a question for the sums."""
        self._update(_HEAD, [{"$set": {"asked_at": "$$NOW"}}])

    def claim_check(self, minutes: int) -> bool:
        """Return True if a check of the sums is due, and note that the caller makes it."""
        return self._update(_HEAD | _longer_ago("$checked_at", minutes), [{"$set": {"checked_at": "$$NOW"}}])

    def _update(self, condition: Document, change: Document | list[Document]) -> bool:
        with self._connection.operation() as database:
            return sums_of(database).update_one(condition, change).matched_count > 0


def _longer_ago(date: str, minutes: int) -> Document:
    return {"$expr": {"$lt": [date, {"$subtract": ["$$NOW", minutes * 60_000]}]}}
