"""Settles deals: counts their events for lists, and removes their marks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from bson import MinKey, ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from dealcache.model.batches import batches_of
from dealcache.repositories.connection import Connection, Repository, StoreUnavailable, unjournaled
from dealcache.repositories.deal_summaries.counting import (
    NO_EVENTS,
    Marked,
    read_marked,
    settled,
    settled_together,
    summaries_of,
)
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.documents import Document, ids_of, milliseconds
from dealcache.repositories.lists.version import ListState, ListVersion, changing
from dealcache.repositories.lists.writers import living_writers
from dealcache.repositories.writes.dirty_marks import DirtyMarks
from dealcache.repositories.writes.unordered import update_together, write_unordered

log = logging.getLogger(__name__)

#: Deals to settle together: more would hold the interpreter's lock for too long.
_BATCH = 250

#: The most deals that a reader of a list settles, which takes about a second.
_MOST_FOR_READER = 5_000

#: The most deals that one round of maintenance settles.
_MOST_A_ROUND = 20_000

#: Tries for a deal that is marked again while it is counted; after that it is left to its writers.
_ATTEMPTS = 5

_MARKED: Document = {"list_stale": {"$exists": True}}
#: All of them by their index, which begins with another field: otherwise MongoDB would look through all deals.
_ANY_MARKED: Document = _MARKED | {"timeline_synced_at": {"$gte": MinKey()}}
_INCOMPLETE: Document = {"timeline_synced_at": None}
_COMPLETE: Document = {"timeline_synced_at": {"$ne": None}}
#: Complete deals with marks; does not look through the index's many keys of deals that a first load has just completed.
MARKED_COMPLETE: Document = _MARKED | {"timeline_synced_at": {"$gt": datetime(1, 1, 1, tzinfo=UTC)}}
_UNCOUNTED: Document = {"archived": False, "activities.count": None, "deal_id": {"$gte": ""}} | _COMPLETE
_COUNTED = {"deal_id": 1, "activities": 1, "list_stale": 1}


class ListsBehindError(StoreUnavailable):
    """The events of too many deals are still to be counted for lists to be correct; trying again later helps."""


class DealSummaries(Repository):
    """Settles deals, and knows the version of lists. Thread-safe.

    Args:
        marks: those of this process.
        now: the wall clock, aware, in UTC; it tells what is planned for later.
    """

    def __init__(
        self,
        connection: Connection,
        marks: DirtyMarks | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.marks = marks or DirtyMarks()
        super().__init__(connection)
        #: The present; later events are planned.
        self.now = now
        self._version = ListVersion(connection)
        self._timelines = DealTimelineRepository(connection, self.marks)

    def state(self) -> ListState:
        """Return the version of all lists, and the changes in progress.

        To be read before the contents of a list, and after :meth:`settle_stale`. Two lists read after the same version
        show the same documents, in all workers.
        """
        return self._version.read()

    def renew_version(self) -> None:
        """Raise the version. Called at the start: workers of an earlier version change lists without raising it."""
        self._version.renew()

    @contextmanager
    def one_change(self) -> Iterator[None]:
        """Make all writes of this thread count as one change, for which the version is raised once."""
        with self._connection.operation() as database, changing(database):
            yield

    def settle(self, deal_ids: Iterable[str]) -> None:
        """Settle those of these deals that this process has marked. Called after their events were written.

        Deals that are still being written are left to their writers.
        """
        self._settle_taken(self.marks.claim(deal_ids))

    def settle_own(self) -> None:
        """Settle all deals that this process has marked. Called at the end of a sync."""
        own = _ANY_MARKED | {"list_stale.writers": self.marks.writer}
        for batch in batches_of(ids_of(self._find("deal_info", own, {"deal_id": 1})), _BATCH):
            self._settle({"deal_id": {"$in": batch}} | _MARKED)

    def complete(self, deal_ids: Iterable[str], dates: Document) -> set[str]:
        """Settle deals, and mark their events as complete from then on.

        Args:
            deal_ids: HubSpot's ids.
            dates: the fields that tell as of when, to be raised.

        Returns:
            Deals that were certainly changed. The others are unknown, or their events were complete before, or have
            become so meanwhile by this or another writer: a later reading still has to be noted for them.
        """
        ids = set(deal_ids)
        done = self._settle_taken(self.marks.claim(ids), dates)
        if rest := ids - done:
            incomplete: Document = {"deal_id": {"$in": list(rest)}} | _INCOMPLETE
            self.recount(ids_of(self._find("deal_info", incomplete, {"_id": 0, "deal_id": 1})), dates)
        return done

    def settle_stale(self) -> None:
        """Settle all complete deals whose summaries may be wrong. Called before a list is read.

        Raises:
            ListsBehindError: there are so many that the reader cannot wait for all of them.
        """
        if self._settle_all([MARKED_COMPLETE], _MOST_FOR_READER):
            raise ListsBehindError(
                "the activities of many deals are being counted; lists will be available in a moment"
            )

    def settle_abandoned(self) -> None:
        """Settle deals left by dead writers and earlier versions, and those of planned events whose time has come."""
        with self._connection.operation() as database:
            others = living_writers(database) - {self.marks.writer}
        own: Document = {"list_stale.writers": self.marks.writer}
        abandoned: Document = {"list_stale.writers": {"$nin": [self.marks.writer, *others]}}
        self._settle_all([MARKED_COMPLETE | own, _ANY_MARKED | abandoned], _MOST_A_ROUND)

    def _settle_all(self, marked: Sequence[Document], most: int) -> bool:
        """Settle deals for which one of ``marked`` holds and those without a mark; return True if there are more."""
        due = [*marked, _UNCOUNTED, {"activities.next": {"$lte": milliseconds(self.now())}}]
        with self._connection.operation() as database:
            deals = unjournaled(database, "deal_info")
            found = deals.find({"$or": due}, {"deal_id": 1, "list_stale": 1}, limit=most + 1).to_list()
        for batch in batches_of(found, _BATCH):
            self._mark(ids_of(one for one in batch if "list_stale" not in one))
            self._settle({"_id": {"$in": [one["_id"] for one in batch]}} | _MARKED)
        return len(found) > most

    def recount(self, deal_ids: Iterable[str], dates: Document | None = None) -> None:
        """Settle deals with or without marks; with ``dates``, see :meth:`complete`, those that are still incomplete."""
        for batch in batches_of(deal_ids, _BATCH):
            self._mark(batch)
            self._settle({"deal_id": {"$in": batch}} | _MARKED | (_INCOMPLETE if dates else {}), dates)

    def _mark(self, deal_ids: Sequence[str]) -> None:
        if deal_ids:
            with self._connection.operation() as database, self.marks.writing(database) as writing:
                writing.mark(deal_ids)

    def _settle_taken(self, tokens: Mapping[str, ObjectId], dates: Document | None = None) -> set[str]:
        """Settle deals by the known tokens of their marks, and return those that were changed."""
        done: set[str] = set()
        for batch in batches_of(tokens, _BATCH):
            counted = self.counted(batch)
            # A mark that was set again since then has a token other than these.
            same: Document = {
                "deal_id": {"$in": batch},
                "list_stale.token": {"$in": list({tokens[one] for one in batch})},
                "list_stale.writers": [self.marks.writer],
            }
            update = settled_together({one: counted.get(one, NO_EVENTS) for one in batch}, dates)
            # That takes half the time of an update for each.
            with self._changing(dates) as deals:
                matched = update_together(deals, same, update)
            if matched == len(batch):
                done.update(batch)
            else:
                self._settle({"deal_id": {"$in": batch}} | _MARKED)
        return done

    def _settle(self, condition: Document, dates: Document | None = None) -> None:
        """Settle the deals for which ``condition`` holds, which must have marks."""
        for _ in range(_ATTEMPTS):
            with self._connection.operation() as database:
                found = [read_marked(one) for one in unjournaled(database, "deal_info").find(condition, _COUNTED)]
                living = living_writers(database) - {self.marks.writer} if found else set()
            if not found or self._count(found, living, dates):
                return

    def _count(self, found: Sequence[Marked], others: set[str], dates: Document | None) -> bool:
        """Count the events of deals and note the result; return False if some were marked anew meanwhile.

        Those that MongoDB refuses stay as they are.

        Args:
            found: the deals.
            others: the other processes that may be writing.
            dates: those to be raised if their events are complete from now on.
        """
        busy = self.marks.release(one.deal_id for one in found)
        summaries = self.counted([one.deal_id for one in found])
        updates: list[UpdateOne] = []
        differs = False
        for one in found:
            writers = one.writers & (others | {self.marks.writer} if one.deal_id in busy else others)
            summary = summaries.get(one.deal_id, NO_EVENTS)
            different = dates is not None or one.activities != summary
            differs = differs or different
            if different or writers != one.writers:
                same = {"_id": one.key, "list_stale.token": one.token}
                updates.append(UpdateOne(same, settled(summary, dates, writers)))
        with self._changing(dates, shown=differs) as deals:
            done = write_unordered(deals, updates)
        if done.failed:
            log.warning("the activities of %d deals cannot be noted in their documents", len(done.failed))
        return done.matched + len(done.failed) >= len(updates)

    def counted(self, deal_ids: Sequence[str]) -> dict[str, Document]:
        """Return the summaries that counting the events of deals gives; deals without events are left out."""
        return summaries_of(self._connection, self._timelines, deal_ids, self.now())

    @contextmanager
    def _changing(self, dates: Document | None, *, shown: bool = True) -> Iterator[Collection[Document]]:
        """Yield the deals, to write the results of counting; the version is raised if lists show a difference.

        With dates they must survive a crash of MongoDB: without their marks, lost ones would go unnoticed.
        """
        with self._connection.operation() as database, changing(database) as changed:
            if shown:
                changed.begin()
            yield unjournaled(database, "deal_info") if dates is None else database.deal_info
