"""Makes the sums of activities anew, and removes them when they are not asked for.

One process at a time does so, which holds a lease. While sums are made there is no head, so they are not read.
"""

from __future__ import annotations

import logging
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from functools import partial
from itertools import groupby, product

from bson import MaxKey, MinKey, ObjectId
from pymongo import IndexModel, ReturnDocument

from dealcache.model.batches import batches_of
from dealcache.repositories.activity_sums.cells import (
    ALL,
    CellKey,
    Series,
    by_years,
    contents,
    series_of_type,
    stored_owner,
)
from dealcache.repositories.activity_sums.counts import pack_counts
from dealcache.repositories.activity_sums.deal_counter import DealCounter
from dealcache.repositories.activity_sums.head import ActivityRepository, Head, part_id, parts_of, sums_of
from dealcache.repositories.activity_sums.sums import MOST_UNSUMMED
from dealcache.repositories.connection import Connection, StoreUnavailable
from dealcache.repositories.documents import SUMMED, Document
from dealcache.repositories.identity import IdentityRepository
from dealcache.repositories.indexes import drop

log = logging.getLogger(__name__)

#: Minutes without a question after which sums are given up.
_UNASKED_MINUTES = 24 * 60

#: Documents to insert, and to delete, at once.
_INSERTED, _DELETED = 200, 5_000

_INDEXES = [
    IndexModel(["of", "stage", "owner", "year"], name="stage"),
    IndexModel(["of", "owner", "stage"], name="owner"),
]

#: Milliseconds without a renewal after which the holder of the lease counts as dead, and seconds between two renewals.
_DEAD_MILLISECONDS, _RENEWAL_SECONDS = 15_000, 2.0

_LEASE: Document = {"_id": "lease"}

#: The days of all activities, one for each, by stage, owner and type.
_Days = defaultdict[tuple[str, str, str], "array[int]"]


class ActivityGenerations(ActivityRepository):
    """Makes sums."""

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        super().__init__(connection, zone)
        self._deals = DealCounter(connection, zone)
        self._identity = IdentityRepository(connection)

    def make(self) -> bool:
        """Make the sums unless there are some that can be brought up to date.

        Returns:
            True if there are sums now, False if another process is making them.
        """
        with _lease(self._connection) as renew:
            if renew is None:
                return False
            if not self._exist():
                self._make(renew)
            return True

    def _exist(self) -> bool:
        head = self.head()
        return head is not None and len(self._deals.unsummed(head.generation, MOST_UNSUMMED + 1)) <= MOST_UNSUMMED

    def _make(self, renew: Callable[[], None]) -> None:
        generation, installation = ObjectId(), self._identity.installation()
        types: list[str] = []
        self.end_sums()
        with self._connection.operation() as database:
            sums_of(database).create_indexes(_INDEXES)
            database.deal_info.create_index(SUMMED, name=SUMMED)
        days: _Days = defaultdict(partial(array, "i"))
        number = 0
        for keys in self._deals.batches():
            renew()
            number += self._add(generation, keys, types, days)
        for merged in _levels(days):
            for cells in batches_of(_cells(generation, merged), _INSERTED):
                renew()
                with self._connection.operation() as database:
                    sums_of(database).insert_many(cells, ordered=False)
        self.begin_sums(Head(generation, 0, None, types, installation))
        log.info("the activities of %d deals were added up", number)
        self._remove_others(generation, renew)

    def _add(self, generation: ObjectId, keys: list[object], types: list[str], days: _Days) -> int:
        """Add the activities of some deals to ``days``, note their counts, and return the number of deals."""
        mark, deals = self._deals.claim(generation, keys, types)
        parts = [
            {"_id": part_id(generation, key), "stage": one.stage, "counts": pack_counts(one.counts), "at": 0}
            for key, one in deals
            if one.counts
        ]
        if parts:
            with self._connection.operation() as database:
                parts_of(database).insert_many(parts, ordered=False)
        for _, one in deals:
            for (owner, kind, day), number in one.counts.items():
                days[one.stage, owner, kind].extend([day] * number)
        self._deals.confirm(generation, mark)
        return len(deals)

    def give_up(self) -> bool:
        """Remove the sums if they were not asked for in a day, and return True if there are none now."""
        with self._connection.operation() as database:
            if sums_of(database).find_one({"_id": "head"}, {"_id": 1}) is None:
                return True
        with _lease(self._connection) as renew:
            if renew is None:
                return False
            if not self.end_sums(_UNASKED_MINUTES):
                return False
            with self._connection.operation() as database:
                drop(database.deal_info, [SUMMED])
            self._remove_others(None, renew)
        log.info("the sums of activities were removed, because they were not asked for in a day")
        return True

    def _remove_others(self, generation: ObjectId | None, renew: Callable[[], None]) -> None:
        """Remove all sums but those of a generation, some thousand documents at a time."""
        others: list[Document] = [{"_id": {"$lt": part_id(generation, MinKey())}}]
        others.append({"_id": {"$gt": part_id(generation, MaxKey())}})
        with self._connection.operation() as database:
            for collection, conditions in (
                (parts_of(database), others),
                (sums_of(database), [{"of": {"$exists": True, "$ne": generation}}]),
            ):
                for condition in conditions:
                    while found := collection.find(condition, {"_id": 1}, limit=_DELETED).to_list():
                        renew()
                        collection.delete_many({"_id": {"$in": [one["_id"] for one in found]}})


@contextmanager
def _lease(connection: Connection) -> Iterator[Callable[[], None] | None]:
    """Let one process at a time work on the sums; yield None if another one does.

    Otherwise yield a function that shows that this one is alive, unless that was done a moment ago. It raises
    StoreUnavailable if another process has taken the lease, because there was no renewal for too long.
    """
    mine = _LEASE | {"holder": ObjectId()}
    renewed_at = time.monotonic()
    alive = {"$gt": ["$alive_at", {"$subtract": ["$$NOW", _DEAD_MILLISECONDS]}]}
    taken = {
        name: {"$cond": [alive, f"${name}", value]}
        for name, value in {"holder": mine["holder"], "alive_at": "$$NOW"}.items()
    }
    with connection.operation() as database:
        found = sums_of(database).find_one_and_update(
            _LEASE, [{"$set": taken}], upsert=True, return_document=ReturnDocument.AFTER
        )
    if found is None or found["holder"] != mine["holder"]:
        yield None
        return

    def renew() -> None:
        nonlocal renewed_at
        if time.monotonic() - renewed_at < _RENEWAL_SECONDS:
            return
        with connection.operation() as database:
            if not sums_of(database).update_one(mine, [{"$set": {"alive_at": "$$NOW"}}]).matched_count:
                raise StoreUnavailable("another process is adding up activities")
        renewed_at = time.monotonic()

    try:
        yield renew
    finally:
        with connection.operation() as database:
            sums_of(database).delete_one(mine)


def _levels(days: _Days) -> Iterator[_Days]:
    """Yield the days by stage and owner, by stage alone, by owner alone, and all."""
    for all_stages, all_owners in product((False, True), repeat=2):
        merged: _Days = defaultdict(partial(array, "i"))
        for (stage, owner, kind), of_kind in days.items():
            key = ALL if all_stages else stage, ALL if all_owners else stored_owner(owner), kind
            merged[key].extend(of_kind)
        yield merged


def _cells(generation: ObjectId, days: _Days) -> Iterator[Document]:
    """Yield the cells of one level."""
    for (stage, owner), group in groupby(sorted(days), lambda one: one[:2]):
        cells: defaultdict[CellKey, list[Series]] = defaultdict(list)
        for key in group:
            for cell, part in by_years(stage, owner, series_of_type(None, key[2], Counter(days[key]))):
                cells[cell].append(part)
        for cell, series in cells.items():
            yield {"_id": cell.id(generation), "at": 0} | cell.fields(generation) | contents(series)
