"""Compares the summaries of deals' events in lists with an actual count, and counts again where they differ.

They differ when another program has written events, such as a worker of an earlier version.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from bson import ObjectId

from dealcache.repositories.connection import Connection, Repository, unjournaled
from dealcache.repositories.deal_summaries.counting import NO_EVENTS
from dealcache.repositories.deal_summaries.settling import DealSummaries
from dealcache.repositories.documents import Document, ids_of
from dealcache.repositories.lists.writers import claim_check

log = logging.getLogger(__name__)

#: Deals to compare together.
_PAGE = 500

#: The most pages to compare in one round of maintenance: 5,000 deals take a quarter of a second.
_PAGES_A_ROUND = 10

#: Minutes between two checks of all deals, by whichever process.
CHECK_MINUTES = 15

#: Rounds of maintenance between two looks whether a check is due: a minute.
_ROUNDS = 12

#: The most deals that a log line names.
_MOST_NAMED = 5

_PROJECTION = {"deal_id": 1, "activities": 1, "list_stale": 1}


class Compared(NamedTuple):
    """The number of compared deals, and the ids of those whose summaries are wrong."""

    checked: int
    wrong: list[str]


class SummaryCheck(Repository):
    """Compares all deals whose events are complete.

    Args:
        summaries: count deals.
    """

    def __init__(self, connection: Connection, summaries: DealSummaries) -> None:
        super().__init__(connection)
        self._summaries = summaries
        self._under_way: Iterator[Compared] | None = None
        self._rounds = 0

    def pages(self, *, mend: bool) -> Iterator[Compared]:
        """Compare deals, some at a time.

        Deals that are still to be counted are left out, because readers of lists count them first.

        Args:
            mend: whether deals with wrong summaries are counted again.
        """
        last: ObjectId | None = None
        while True:
            further: Document = {} if last is None else {"_id": {"$gt": last}}
            found = self._read({"timeline_synced_at": {"$ne": None}} | further, _PAGE)
            if not found:
                return
            last = found[-1]["_id"]
            wrong = self._confirmed(self._differing(found))
            if mend and wrong:
                self._summaries.recount(wrong)
            yield Compared(len(found), wrong)

    def run_round(self) -> None:
        """Continue the check in progress, or begin one if it is due."""
        self._rounds += 1
        if self._under_way is None:
            if self._rounds % _ROUNDS != 1:
                return
            with self._connection.operation() as database:
                if not claim_check(database, CHECK_MINUTES):
                    return
            self._under_way = self.pages(mend=True)
        pages = list(islice(self._under_way, _PAGES_A_ROUND))
        if len(pages) < _PAGES_A_ROUND:
            self._under_way = None
        if wrong := [one for page in pages for one in page.wrong]:
            named = ", ".join(wrong[:_MOST_NAMED])
            log.warning("lists showed wrong activities of %d deals, such as %s", len(wrong), named)

    def _differing(self, found: Sequence[Document]) -> list[Document]:
        unmarked = [one for one in found if "list_stale" not in one and one.get("activities") is not None]
        now = self._summaries.now()
        due = [one for one in unmarked if ids_of([one]) and not _is_over(one["activities"], now)]
        counted = self._summaries.counted(ids_of(due)) if due else {}
        return [one for one in due if one["activities"] != counted.get(one["deal_id"], NO_EVENTS)]

    def _confirmed(self, differing: Sequence[Document]) -> list[str]:
        """Return the ids of those deals that no process has counted, or begun to write, in the meantime."""
        if not differing:
            return []
        before = {one["_id"]: one for one in differing}
        found = self._read({"_id": {"$in": list(before)}}, len(before))
        return ids_of(one for one in found if one == before[one["_id"]])

    def _read(self, condition: Document, limit: int) -> list[Document]:
        with self._connection.operation() as database:
            found = unjournaled(database, "deal_info").find(condition, _PROJECTION, sort=[("_id", 1)], limit=limit)
            return found.to_list()


def _is_over(activities: Any, now: datetime) -> bool:
    """Return True if the time of a planned event has come; another system's value counts as none."""
    planned = activities.get("next") if isinstance(activities, dict) else None
    return isinstance(planned, datetime) and planned <= now
