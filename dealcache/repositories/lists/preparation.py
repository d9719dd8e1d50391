"""Brings lists up to date before they are read, with as few queries as possible.

Finding deals to settle (see :mod:`.deal_summaries`) takes MongoDB several times as long as reading the version of the
lists, and both are needed before each page. Deals that are due by time alone, or left by earlier versions, are not
searched for again while the version is the same. Nor are marks while no process has given a sign of life since none was
found: a process gives one before it marks deals.

Even these queries take about as long as a page. So a page whose version is probably the known one is read at once, with
what shows whether it is appended, see :class:`Unchanged`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from dealcache.repositories.connection import Connection, unjournaled
from dealcache.repositories.deal_summaries.settling import MARKED_COMPLETE, DealSummaries
from dealcache.repositories.documents import Document, any_date
from dealcache.repositories.lists.unchanged import Unchanged, nobody_marks
from dealcache.repositories.lists.version import ListState

#: Seconds after which everything is searched for again: workers of earlier versions write without raising the version.
_TRUSTED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of the last search: nothing more to settle.

    Args:
        version: that of the lists.
        until: by the monotonic clock, how long that holds.
        planned: the time of the next planned event; None for no event.
        unmarked: the state in which no mark was found.
    """

    version: int
    until: float
    planned: datetime | None
    unmarked: ListState


class ListPreparation:
    """Brings lists up to date, and returns their version. Thread-safe.

    Args:
        connection: the database.
        summaries: settle deals.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self, connection: Connection, summaries: DealSummaries, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._summaries = summaries
        self._timer = timer
        self._found: _Found | None = None

    def __call__(self) -> int:
        """Bring lists up to date, and return their version; to be called before their contents are read.

        Raises:
            StoreError: MongoDB failed; ListsBehindError: too much is to be counted for readers to wait for it.
        """
        state, found = self._summaries.state(), self._found
        if found is None or not self._holds(found, state):
            return self._settle(state)
        if not nobody_marks(found.unmarked, state):
            if self._has_marked():
                return self._settle(state)
            self._found = replace(found, unmarked=state)
        return state.version

    def unchanged(self) -> Unchanged | None:
        """Return a test of whether lists still have the version that they had last; None if it is known that not."""
        found = self._found
        return Unchanged(found.version, found.unmarked) if found and self._is_recent(found) else None

    def _holds(self, found: _Found, state: ListState) -> bool:
        """Return True if nothing but marks can have been added since."""
        return found.version == state.version and not state.is_changing and self._is_recent(found)

    def _is_recent(self, found: _Found) -> bool:
        due = found.planned is not None and self._summaries.now() >= found.planned
        return not due and self._timer() < found.until

    def _settle(self, before: ListState) -> int:
        until = self._timer() + _TRUSTED_SECONDS
        self._summaries.settle_stale()
        state = self._summaries.state()
        if not state.is_changing:
            # Planned events that come later raise the version.
            planned = self._next_planned()
            self._found = _Found(state.version, until, planned, before)
        return state.version

    def _has_marked(self) -> bool:
        """Return True if a complete deal has a mark."""
        with self._connection.operation() as database:
            return bool(unjournaled(database, "deal_info").find(MARKED_COMPLETE, {"_id": 1}, limit=1).to_list())

    def _next_planned(self) -> datetime | None:
        """Return when the first of all planned events comes to pass; None if there is none."""
        planned: Document = {"activities.next": {"$type": "date"}}
        with self._connection.operation() as database:
            deals = unjournaled(database, "deal_info")
            found = deals.find(planned, {"activities.next": 1}, sort=[("activities.next", 1)], limit=1)
            return next((any_date(one["activities"]["next"]) for one in found), None)
