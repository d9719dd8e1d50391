"""Reads the sums of activities, and brings them up to date before each reading."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from datetime import tzinfo
from typing import Any, NamedTuple

from bson import ObjectId

from dealcache.repositories.activity_sums.cells import ALL, Series, owner_in, series_in, stored_owner, year_of
from dealcache.repositories.activity_sums.changes import ActivityChanges
from dealcache.repositories.activity_sums.head import Head, sums_of
from dealcache.repositories.connection import Connection, StoreUnavailable
from dealcache.repositories.documents import Document, documents_in

#: The most deals that a reader adds up: about two seconds. If there are more, all sums are made anew.
MOST_UNSUMMED = 5_000

#: Attempts of a reader if other processes change the sums at the same time.
_ATTEMPTS = 100

#: Seconds between two notes of questions.
_NOTE_SECONDS = 60.0

#: Cells to decode at once.
_BATCH = 500


class SumsMissingError(StoreUnavailable):
    """There are no sums of activities, or too many deals have changed since they were made; they have to be made."""

    def __init__(self) -> None:
        super().__init__("the activities of all deals are being added up")


class SumsVersion(NamedTuple):
    """Identifies the contents of the sums."""

    generation: ObjectId
    number: int


class ActivitySums(ActivityChanges):
    """Reads the sums, and brings them up to date. Thread-safe."""

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        super().__init__(connection, zone)
        self._lock = threading.Lock()
        self._noted_at = float("-inf")

    def prepare(self) -> SumsVersion:
        """Bring the sums up to date, and return their version.

        Raises:
            SumsMissingError: they have to be made first.
        """
        # Threads that ask at the same time wait for one of them.
        with self._lock:
            for _ in range(_ATTEMPTS):
                head = self.settled_head()
                if head is None:
                    break
                if self._up_to_date(head):
                    self._note_asked()
                    return SumsVersion(head.generation, head.number)
        raise SumsMissingError

    def is_at(self, version: SumsVersion) -> bool:
        """Return True if the sums are still those of a version."""
        head = self.head()
        return head is not None and head.pending is None and SumsVersion(head.generation, head.number) == version

    def stages(self, version: SumsVersion) -> list[str]:
        """Return the stages of all deals with activities."""
        with self._connection.operation() as database:
            found: list[str] = sums_of(database).distinct("stage", {"of": version.generation, "owner": ALL})
        return [one for one in found if one != ALL]

    def owners(self, version: SumsVersion) -> list[str]:
        """Return the owners of all activities."""
        with self._connection.operation() as database:
            found = sums_of(database).distinct("owner", {"of": version.generation, "stage": ALL})
        return [owner for one in found if (owner := owner_in(one)) is not None]

    def series(
        self,
        version: SumsVersion,
        stages: Collection[str] | None,
        owners: Collection[str] | None,
        days: tuple[int | None, int | None],
        *,
        by_owner: bool,
    ) -> Iterator[Series]:
        """Yield sums, each owner by itself if ``owners`` or ``by_owner`` is given; another process may change them.

        Args:
            version: as :meth:`prepare` returned it.
            stages: the stages of the deals; None for all.
            owners: the owners of the activities; None for all.
            days: the first and the last one, both included; None for an open end.
            by_owner: True if each owner is wanted by itself.
        """
        each = by_owner or owners is not None
        condition: Document = {
            "of": version.generation,
            "stage": ALL if stages is None else {"$in": list(stages)},
            "owner": _owners(owners) if each else ALL,
        }
        first, last = days
        if ALL in (condition["stage"], condition["owner"]):
            years = {"$gte": first and year_of(first), "$lte": last and year_of(last)}
            condition |= {"year": between} if (between := {name: year for name, year in years.items() if year}) else {}
        with self._connection.operation() as database:
            read = sums_of(database).find(condition, {"owner": 1, "types": 1}, batch_size=_BATCH)
            for cell in documents_in(read, _BATCH):
                for one in series_in(cell):
                    yield one.between(first, last)

    def _up_to_date(self, head: Head) -> bool:
        """Add up all deals that are not summed; return False if another process has changed the sums meanwhile."""
        unsummed = self.deals.unsummed(head.generation, MOST_UNSUMMED + 1)
        if len(unsummed) > MOST_UNSUMMED:
            raise SumsMissingError
        if not unsummed:
            return True
        self.add(head, unsummed)
        return False

    def _note_asked(self) -> None:
        if time.monotonic() - self._noted_at > _NOTE_SECONDS:
            self.note_asked()
            self._noted_at = time.monotonic()


def _owners(owners: Collection[str] | None) -> Any:
    return {"$gt": ALL} if owners is None else {"$in": [stored_owner(one) for one in owners]}
