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
from typing import Any, NamedTuple

from cachetools import TTLCache
from pymongo import DESCENDING

from dealcache.model.currencies import currency_code
from dealcache.model.labels import Labels
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import LIVE, Document
from dealcache.repositories.hints import with_hint
from dealcache.repositories.json_values import text_value
from dealcache.repositories.lists.amounts import FINITE_AMOUNT, is_sum, sum_value
from dealcache.repositories.lists.indexes import IS_FOREIGN, PLACE_INDEX, currency_index_of
from dealcache.repositories.lists.stage_moves import StageTotal, kept, read_kept
from dealcache.repositories.lists.totals import difference
from dealcache.repositories.lists.version import ListVersion, keep_totals, kept_totals

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
        self._former: TTLCache[int, dict[_Stage, str | None]] = TTLCache(1, _SECONDS, timer)
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
            if (stage := _Stage(one.pipeline_id, one.stage_id)) not in known:
                known[stage] = self._former_label(stage)
        return [replace(one, label=known.get(_Stage(one.pipeline_id, one.stage_id))) for one in totals]

    def _kept(self) -> Sequence[StageTotal]:
        with self._connection.operation() as database:
            found = kept_totals(database)
        return [] if found is None or found.age > _TOO_OLD else read_kept(found.stages)

    def _former_label(self, stage: _Stage) -> str | None:
        of_stage = {"pipeline_id": stage.pipeline_id, "stage_id": stage.stage_id, "stage": {"$gt": ""}}
        last = {"sort": [("stage", DESCENDING)], "limit": 1}
        with self._connection.operation() as database:
            found = with_hint(
                lambda **hint: database.deal_info.find(LIVE | of_stage, {"stage": 1}, **last, **hint).to_list(),
                PLACE_INDEX,
            )
        return found[0]["stage"] if found else None

    def add_up(self) -> Sequence[StageTotal]:
        """Add up all deals, and keep the totals unless deals are being changed; raises as :meth:`at`."""
        state = self._version.read()
        groups, of_currencies = self._groups("$amount")
        if are_sums := all(is_sum(group["amount"]) for group in (*groups, *of_currencies)):
            totals = _divided(groups, of_currencies)
        else:  # another system's NaN may be among them
            totals = _divided(*self._groups(FINITE_AMOUNT))
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

    def _groups(self, amount: Any) -> tuple[list[Document], list[Document]]:
        """Return number and amounts of deals by stage: of all, and of those in foreign currencies by these too."""
        by = {name: f"${name}" for name in _Stage._fields}
        all_deals = self._grouped({}, by, amount, PLACE_INDEX)
        index, field = currency_index_of(PLACE_INDEX)
        return all_deals, self._grouped(IS_FOREIGN, by | {"currency": f"${field}"}, amount, index)

    def _grouped(self, condition: Document, by: Document, amount: Any, index: str) -> list[Document]:
        group = {"$group": {"_id": by, "count": {"$sum": 1}, "amount": {"$sum": amount}}}
        groups: list[Document] = []
        with self._connection.operation() as database:
            for live in _LIVE:
                ask = partial(database.deal_info.aggregate, [{"$match": condition | live}, group])
                groups += with_hint(lambda ask=ask, **hint: ask(**hint).to_list(), index)
        return groups


class _Stage(NamedTuple):
    """The place of a stage."""

    pipeline_id: str | None
    stage_id: str | None


def _divided(groups: Sequence[Document], of_currencies: Sequence[Document]) -> Sequence[StageTotal]:
    """Return the totals of all deals, those in foreign currencies apart."""
    found = [total for group in of_currencies if (total := _total(group)).currency is not None]
    if not found:
        return [_total(group) for group in groups]
    parts: dict[_Stage, list[StageTotal]] = {}
    for one in found:
        parts.setdefault(_Stage(one.pipeline_id, one.stage_id), []).append(one)
    for one in map(_total, groups):
        foreign = parts.get(_Stage(one.pipeline_id, one.stage_id), ())
        count = one.count - sum(part.count for part in foreign)
        if count > 0:
            found.append(replace(one, count=count, amount=difference(one.amount, (part.amount for part in foreign))))
    return found


def _total(group: Document) -> StageTotal:
    pipeline_id, stage_id = (text_value(group["_id"].get(name)) or None for name in _Stage._fields)
    code = currency_code(group["_id"].get("currency"))
    return StageTotal(pipeline_id, stage_id, group["count"], sum_value(group["amount"]), currency=code)
