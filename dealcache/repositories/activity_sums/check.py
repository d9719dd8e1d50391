"""Compares the sums of activities with an actual count, deal by deal; what differs is added up again.

It differs when another program has written deals or events, such as a worker of a version that keeps no such sums.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import tzinfo
from itertools import islice
from typing import Any

from bson import MaxKey, MinKey

from dealcache.repositories.activity_sums.changes import ActivityChanges
from dealcache.repositories.activity_sums.counts import NOTHING
from dealcache.repositories.activity_sums.head import Head
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import SUMMED
from dealcache.repositories.identity import IdentityRepository

log = logging.getLogger(__name__)

#: Minutes between two checks, by whichever process.
_CHECK_MINUTES = 15

#: Batches of deals to compare in one round: 2,500 deals take a quarter of a second.
_BATCHES_A_ROUND = 10


class ActivityCheck(ActivityChanges):
    """Compares all deals. Used by one thread."""

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        super().__init__(connection, zone)
        self._identity = IdentityRepository(connection)
        self._under_way: Iterator[int] | None = None

    def run_round(self) -> bool:
        """Continue the check in progress, or begin one if it is due; return True while one is in progress."""
        if self._under_way is None:
            if not self.claim_check(_CHECK_MINUTES) or self._are_copied():
                return False
            self._under_way = self.batches()
        done = list(islice(self._under_way, _BATCHES_A_ROUND))
        if len(done) < _BATCHES_A_ROUND:
            self._under_way = None
        if wrong := sum(done):
            log.warning("the sums of activities were wrong for %d deals, which are added up again", wrong)
        return self._under_way is not None

    def _are_copied(self) -> bool:
        """Give up sums that were made in another database, and return True if these are such.

        A dump of a database in use has its collections as of different times, so the sums may contradict the counts of
        deals that are in them.
        """
        head = self.settled_head()
        if head is None or head.installation == self._identity.installation():
            return False
        self.end_sums()
        log.warning("the sums of activities come from a copy of a database, and will be made anew")
        return True

    def batches(self) -> Iterator[int]:
        """Compare deals, some at a time, and yield how many differed."""
        after: Any = MinKey()
        for keys in self.deals.batches():
            head = self.settled_head()
            if head is None:
                return
            yield self._compare(head, keys, after)
            after = keys[-1]
        head = self.settled_head()
        if head is not None:
            yield self._compare(head, [], after)

    def _compare(self, head: Head, keys: list[Any], after: Any) -> int:
        """Compare deals, and the counts of deals that do not exist any more, and return how many differed."""
        summed = self.deals.count({"_id": {"$in": keys}, SUMMED: head.generation}, list(head.types))
        parts = self.parts(head.generation, after, keys[-1] if keys else MaxKey())
        wrong = [key for key, counts in summed if parts.get(key, NOTHING) != counts]
        if wrong:
            self.deals.forget(head.generation, wrong)
        gone = parts.keys() - set(keys)
        if gone and self.drop(head, list(gone)) is None:
            return len(wrong)  # the sums have just been changed: the next check finds them
        return len(wrong) + len(gone)
