"""The number of deals in each stage and the sums of their amounts.

Adding up a hundred thousand deals takes MongoDB a tenth of a second. So the totals are kept in ``list_state``, and
writers of deals update them there with each change. They are correct while every writer does so: not after a writer was
killed, nor after a worker of an earlier version has written. Other systems may write too, so all deals are added up
again from time to time, in the background.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from cachetools import TTLCache
from pymongo import DESCENDING

from dealcache.model.labels import Labels
from dealcache.repositories.amounts import FINITE_AMOUNT, is_sum, sum_value
from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_list_indexes import PLACE_INDEX
from dealcache.repositories.deal_writes import LIVE
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import hinted
from dealcache.repositories.list_version import ListVersion, keep_totals, kept_totals
from dealcache.repositories.record_documents import text_value
from dealcache.repositories.stage_moves import StageTotal, kept, read_kept

#: Seconds for which this process remembers totals, and after which kept ones are due to be added up again.
_SECONDS = 60.0

#: Age in seconds from which kept totals are not shown: no process is adding them up in the background.
_TOO_OLD = timedelta(minutes=10)

#: The same as :data:`LIVE`, as two queries that each read one part of the index.
_LIVE: tuple[Document, ...] = ({"archived": False}, {"archived": {"$nin": [True, False]}})


class StageTotalRepository:
    """Reads totals of stages. Thread-safe.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._version = ListVersion(connection)
        self._lock = threading.Lock()
        self._remembered: TTLCache[int, Sequence[StageTotal]] = TTLCache(1, _SECONDS, timer)
        self._former: TTLCache[int, dict[StageTotal, StageTotal]] = TTLCache(1, _SECONDS, timer)
        self._were_read = False

    def at(self, version: int) -> Sequence[StageTotal]:
        """Return the totals, without labels, as they were when, or after, the lists had this version.

        Raises:
            StoreError: MongoDB failed.
        """
        # Threads that ask for the same version wait for one answer.
        with self._lock:
            self._were_read = True
            if (totals := self._remembered.get(version)) is None:
                totals = self._remembered[version] = self._kept() or self.add_up()
            return totals

    def labelled(self, version: int, labels: Labels) -> Sequence[StageTotal]:
        """Return what :meth:`at` returns; unknown stages have the labels that an earlier version has stored.

        Args:
            version: that of the lists.
            labels: the known ones.
        """
        totals = self.at(version)
        unknown = [one for one in totals if labels.stage(one.pipeline_id, one.stage_id) is None]
        if not unknown:
            return totals
        with self._lock:
            known = self._former.setdefault(version, {})
        for one in unknown:
            if one not in known:
                known[one] = self._labelled(one)
        return [known.get(one, one) for one in totals]

    def _kept(self) -> Sequence[StageTotal]:
        with self._connection.operation() as database:
            found = kept_totals(database)
        return [] if found is None or found.age > _TOO_OLD else read_kept(found.stages)

    def _labelled(self, total: StageTotal) -> StageTotal:
        of_stage = {"pipeline_id": total.pipeline_id, "stage_id": total.stage_id, "stage": {"$gt": ""}}
        last = {"sort": [("stage", DESCENDING)], "limit": 1}
        with self._connection.operation() as database:
            found = hinted(
                lambda **hint: database.deal_info.find(LIVE | of_stage, {"stage": 1}, **last, **hint).to_list(),
                PLACE_INDEX,
            )
        return replace(total, label=found[0]["stage"]) if found else total

    def add_up(self) -> Sequence[StageTotal]:
        """Add up all deals, and keep the totals unless deals are being changed; raises as :meth:`at`."""
        state = self._version.read()
        groups = self._groups("$amount")
        if are_sums := all(is_sum(group["amount"]) for group in groups):
            totals = [_total(group) for group in groups]
        else:  # another system's NaN may be among them
            totals = [_total(group) for group in self._groups(FINITE_AMOUNT)]
        if are_sums and not state.is_changing:
            with self._connection.operation() as database:
                keep_totals(database, state.version, kept(totals))
        return totals

    def renew(self) -> None:
        """Add up all deals if that was long ago and the totals were read since; raises as :meth:`at`."""
        if not self._were_read:
            return
        with self._connection.operation() as database:
            found = kept_totals(database)
        if found is None or found.age.total_seconds() >= _SECONDS:
            self._were_read = False
            self.add_up()

    def _groups(self, amount: Any) -> list[Document]:
        """Return number and amounts by pipeline and stage, from an index alone."""
        by = {"pipeline_id": "$pipeline_id", "stage_id": "$stage_id"}
        group = {"$group": {"_id": by, "count": {"$sum": 1}, "amount": {"$sum": amount}}}
        groups: list[Document] = []
        with self._connection.operation() as database:
            for live in _LIVE:
                ask = partial(database.deal_info.aggregate, [{"$match": live}, group])
                groups += hinted(lambda ask=ask, **hint: ask(**hint).to_list(), PLACE_INDEX)
        return groups


def _total(group: Document) -> StageTotal:
    pipeline_id, stage_id = (text_value(group["_id"].get(name)) or None for name in ("pipeline_id", "stage_id"))
    return StageTotal(pipeline_id, stage_id, group["count"], sum_value(group["amount"]))
