"""Makes the sums of activities anew, and removes them when they are not asked for.

One process at a time does so, which holds a lease. While sums are made there is no head, so they are not read.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import tzinfo
from functools import partial
from itertools import groupby

from bson import MaxKey, MinKey, ObjectId
from pymongo import ASCENDING, IndexModel

from dealcache.repositories.activity_sums.cells import (
    ALL,
    CellKey,
    Series,
    by_years,
    contents,
    series_of_type,
    stored_owner,
)
from dealcache.repositories.activity_sums.changes import ActivityChanges
from dealcache.repositories.activity_sums.counts import DealCounts, TypeNames, pack_counts
from dealcache.repositories.activity_sums.head import Head, begin_sums, end_sums, part_id, parts_of, sums_of
from dealcache.repositories.activity_sums.lease import ActivityLease
from dealcache.repositories.activity_sums.sums import MOST_UNSUMMED
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import SUMMED, Document, batches_of
from dealcache.repositories.identity import IdentityRepository
from dealcache.repositories.indexes import drop

log = logging.getLogger(__name__)

#: Minutes without a question after which sums are given up.
_UNASKED_MINUTES = 24 * 60

#: Documents to insert, and to delete, at once.
_INSERTED, _DELETED = 200, 5_000

_INDEXES = [
    IndexModel([("of", ASCENDING), ("stage", ASCENDING), ("owner", ASCENDING), ("year", ASCENDING)], name="stage"),
    IndexModel([("of", ASCENDING), ("owner", ASCENDING), ("stage", ASCENDING)], name="owner"),
]

#: The days of all activities, one for each, by stage, owner and type.
_Days = defaultdict[tuple[str, str, str], "array[int]"]


class ActivityGenerations:
    """Makes sums. Every method raises StoreError when MongoDB fails.

    Args:
        connection: the database.
        zone: the zone of the days.
    """

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        self._connection = connection
        self._zone = zone
        self._changes = ActivityChanges(connection, zone)
        self._identity = IdentityRepository(connection)

    def make(self) -> bool:
        """Make the sums unless there are some that can be brought up to date.

        Returns:
            True if there are sums now, False if another process is making them.
        """
        with ActivityLease(self._connection) as lease:
            if not lease.is_held:
                return False
            if not self._exist():
                self._make(lease)
            return True

    def _exist(self) -> bool:
        head = self._changes.head()
        return head is not None and len(self._changes.unsummed(head.generation, MOST_UNSUMMED + 1)) <= MOST_UNSUMMED

    def _make(self, lease: ActivityLease) -> None:
        generation, types, installation = ObjectId(), TypeNames(), self._identity.installation()
        with self._connection.operation() as database:
            end_sums(database)
            sums_of(database).create_indexes(_INDEXES)
            database.deal_info.create_index(SUMMED, name=SUMMED)
        days: _Days = defaultdict(partial(array, "i"))
        number = 0
        for keys in self._changes.batches():
            lease.renew()
            number += self._add(generation, keys, types, days)
        for merged in _levels(days):
            for cells in batches_of(_cells(generation, merged), _INSERTED):
                lease.renew()
                with self._connection.operation() as database:
                    sums_of(database).insert_many(cells, ordered=False)
        with self._connection.operation() as database:
            begin_sums(database, Head(generation, 0, None, types.known, installation), self._zone)
        log.info("the activities of %d deals were added up", number)
        self._remove_others(generation, lease)

    def _add(self, generation: ObjectId, keys: list[object], types: TypeNames, days: _Days) -> int:
        """Add the activities of some deals to ``days``, note their counts, and return the number of deals."""
        mark = ObjectId()
        deals = self._changes.claim({"_id": {"$in": keys}}, mark, types)
        parts = [
            {"_id": part_id(generation, key), "stage": one.stage, "counts": pack_counts(one.counts), "at": 0}
            for key, one in deals
            if one.counts
        ]
        if parts:
            with self._connection.operation() as database:
                parts_of(database).insert_many(parts, ordered=False)
        for _, one in deals:
            _collect(one, days)
        self._changes.confirm(generation, mark)
        return len(deals)

    def give_up(self) -> bool:
        """Remove the sums if they were not asked for in a day, and return True if there are none now."""
        with self._connection.operation() as database:
            if sums_of(database).find_one({"_id": "head"}, {"_id": 1}) is None:
                return True
        with ActivityLease(self._connection) as lease:
            if not lease.is_held:
                return False
            with self._connection.operation() as database:
                if not end_sums(database, _UNASKED_MINUTES):
                    return False
                drop(database.deal_info, [SUMMED])
            self._remove_others(None, lease)
        log.info("the sums of activities were removed, because they were not asked for in a day")
        return True

    def _remove_others(self, generation: ObjectId | None, lease: ActivityLease) -> None:
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
                        lease.renew()
                        collection.delete_many({"_id": {"$in": [one["_id"] for one in found]}})


def _collect(deal: DealCounts, days: _Days) -> None:
    for (owner, kind, day), number in deal.counts.items():
        of_kind = days[deal.stage, owner, kind]
        of_kind.append(day)
        if number > 1:
            of_kind.extend([day] * (number - 1))


def _levels(days: _Days) -> Iterator[_Days]:
    """Yield the days by stage and owner, by stage alone, by owner alone, and all."""
    yield defaultdict(
        partial(array, "i"), {(stage, stored_owner(owner), kind): one for (stage, owner, kind), one in days.items()}
    )
    for all_stages, all_owners in ((False, True), (True, False), (True, True)):
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
