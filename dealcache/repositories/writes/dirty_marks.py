"""Marks deals whose events are about to change, so that no list shows an outdated count.

A deal's mark, ``list_stale``, names the processes that may be writing its events, and holds a token that is new with
each mark. It is set when a deal is first stored, and before events are written, moved or deleted. A process that has
counted the events afterwards removes its name, if the token is still the same and none of its threads is writing; with
the last name the mark is removed. A process without a sign of life can be removed by others. See
:mod:`.deal_summaries`.

While a process gives signs of life, one mark serves all its writes until it removes it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bson import ObjectId
from pymongo.database import Database

from dealcache.repositories.documents import Document
from dealcache.repositories.lists.writers import DEAD_MILLISECONDS, show_alive

#: Seconds between two signs of life of a process that writes.
_SIGN_SECONDS = 5.0

#: Seconds without a sign of life after which a process must not rely on its marks: others may soon take it for dead.
_LAPSED_SECONDS = DEAD_MILLISECONDS / 1000 - 2 * _SIGN_SECONDS


class Writing:
    """Marks deals before the writes of one thread.

    Args:
        marks: those of this process.
        database: inside :meth:`.Connection.operation`.
    """

    def __init__(self, marks: DirtyMarks, database: Database[Document]) -> None:
        self._marks = marks
        self._database = database
        self.deal_ids: set[str] = set()

    def mark(self, deal_ids: Iterable[str]) -> None:
        """Mark deals whose events are about to change, unless they have a mark of this process."""
        if unmarked := self.insert(deal_ids):
            self._marks.mark(self._database, unmarked)

    def insert(self, deal_ids: Iterable[str]) -> list[str]:
        """Note that deals are about to be stored with their first mark; return those without a mark."""
        new = set(deal_ids) - self.deal_ids
        self.deal_ids |= new
        return self._marks.begin(self._database, new) if new else []


class DirtyMarks:
    """The marks of one process. Thread-safe.

    Args:
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        #: The name of this process in its marks.
        self.writer = str(ObjectId())
        self._timer = timer
        self._lock = threading.Lock()
        self._signed_at = float("-inf")
        self._tokens: dict[str, ObjectId] = {}
        self._writing: Counter[str] = Counter()

    @contextmanager
    def writing(self, database: Database[Document]) -> Iterator[Writing]:
        """Yield the :class:`Writing` to call before each write of deals' events; all are written at the end.

        Works inside :meth:`.Connection.operation` and raises the driver's errors.
        """
        began, writing = self._timer(), Writing(self, database)
        try:
            yield writing
            if writing.deal_ids and self._timer() - began > _LAPSED_SECONDS - _SIGN_SECONDS:
                # It took so long that others may have taken this process for dead.
                self.show_alive(database)
                self.mark(database, list(writing.deal_ids))
        finally:
            with self._lock:
                self._writing -= Counter(writing.deal_ids)

    def begin(self, database: Database[Document], deal_ids: set[str]) -> list[str]:
        """Note that these deals are being written to; return those without a mark of this process."""
        with self._lock:
            self._writing.update(deal_ids)
        self.show_alive(database)
        with self._lock:
            return [one for one in deal_ids if one not in self._tokens]

    def show_alive(self, database: Database[Document]) -> None:
        """Give a sign of life unless that was done a moment ago."""
        now = self._timer()
        with self._lock:
            elapsed = now - self._signed_at
            if elapsed > _LAPSED_SECONDS:
                self._tokens.clear()
        if elapsed > _SIGN_SECONDS:
            show_alive(database, self.writer)
            with self._lock:
                self._signed_at = max(self._signed_at, now)

    def mark(self, database: Database[Document], deal_ids: list[str]) -> None:
        """Mark deals."""
        token, writers = ObjectId(), "$list_stale.writers"
        others = {"$cond": [{"$isArray": writers}, writers, []]}
        mark: Document = {"token": token, "since": "$$NOW", "writers": {"$setUnion": [others, [self.writer]]}}
        marked = database.deal_info.update_many({"deal_id": {"$in": deal_ids}}, [{"$set": {"list_stale": mark}}])
        # A deal that is unknown has no mark, and another process may be storing it.
        if marked.matched_count == len(deal_ids):
            self.remember(deal_ids, token)

    def initial_mark(self) -> Document:
        """Return the mark for deals that are stored for the first time; see :meth:`Writing.insert`."""
        return {"token": ObjectId(), "since": datetime.now(UTC), "writers": [self.writer]}

    def remember(self, deal_ids: Iterable[str], token: ObjectId) -> None:
        """Note that deals have a mark of this process, and its token."""
        with self._lock:
            self._tokens.update(dict.fromkeys(deal_ids, token))

    def claim(self, deal_ids: Iterable[str]) -> dict[str, ObjectId]:
        """Return the tokens of those of these deals that this process has marked and is not writing to.

        The marks serve no further writes.
        """
        with self._lock:
            if not self._tokens:
                return {}
            idle = [one for one in deal_ids if one in self._tokens and not self._writing[one]]
            return {one: self._tokens.pop(one) for one in idle}

    def release(self, deal_ids: Iterable[str]) -> set[str]:
        """Let the marks of deals serve no further writes; return the deals to which this process is writing.

        Called after the marks were read from MongoDB and before the events are counted.
        """
        busy: set[str] = set()
        with self._lock:
            for one in deal_ids:
                self._tokens.pop(one, None)
                if self._writing[one]:
                    busy.add(one)
        return busy
