"""Changes of the sums of activities by deals that are not summed: some at a time, each time as a whole.

A process first claims such deals by a mark of its own, reads them, and has the change carried out. They count as
summed only if they still have its mark: a writer removes it when it changes them, and another process replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from itertools import chain
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, UpdateOne
from pymongo.database import Database

from dealcache.repositories.activity_sums.cells import by_cell, changed
from dealcache.repositories.activity_sums.counts import (
    NOTHING,
    DealCounts,
    TypeNames,
    difference,
    pack_counts,
    unpack_counts,
)
from dealcache.repositories.activity_sums.head import (
    Head,
    Pending,
    note_carried_out,
    note_change,
    part_id,
    parts_of,
    read_head,
    sums_of,
)
from dealcache.repositories.activity_sums.reading import read_counts
from dealcache.repositories.connection import Connection, unjournaled
from dealcache.repositories.documents import SUMMED, Document, batches_of
from dealcache.repositories.writes.unordered import write_unordered

#: Deals, and about how many activities of them, to add up together.
_DEALS, _ACTIVITIES = 250, 20_000

#: The fields of a deal by which its size is known.
_SIZE = {"activities.count": 1}

#: Documents to write at once; keys of deals to read at once.
_WRITES, _KEYS = 500, 1_000


class ActivityChanges:
    """Changes the sums. Thread-safe. Every method raises StoreError when MongoDB fails.

    Args:
        connection: the database.
        zone: the zone of the days.
    """

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        self._connection = connection
        self._zone = zone

    def head(self) -> Head | None:
        """Return the head as it is, perhaps with a pending change; None if there are no sums."""
        with self._connection.operation() as database:
            return read_head(database, self._zone)

    def settled_head(self) -> Head | None:
        """Carry out the pending change if there is one, and return the head without it; None if there are no sums."""
        head = self.head()
        return None if head is None else self.carry_out(head)

    def batches(self) -> Iterator[list[Any]]:
        """Yield the keys of all deals, in their order and of whatever type they are, in batches to be added up."""
        with self._connection.operation() as database:
            found = database.deal_info.find({}, _SIZE, sort=[("_id", ASCENDING)], batch_size=_KEYS)
            yield from key_batches(chain.from_iterable(iter(partial(found.to_list, _KEYS), [])))

    def unsummed(self, generation: ObjectId, most: int) -> list[Document]:
        """Return deals that are not summed, ``most`` at most, with their ids and the number of their activities."""
        with self._connection.operation() as database:
            deals = unjournaled(database, "deal_info")
            return deals.find({SUMMED: {"$ne": generation}}, _SIZE, limit=most).to_list()

    def add(self, head: Head, deals: Sequence[Document]) -> Head | None:
        """Change the sums by deals that are not summed, as far as they fit into one change.

        Args:
            head: as it was read, without a pending change.
            deals: at least one; see :meth:`unsummed`.

        Returns:
            The head afterwards; None if another process has changed the sums meanwhile.
        """
        keys, mark, types = next(key_batches(deals)), ObjectId(), TypeNames(head.types)
        after = dict(self.claim({"_id": {"$in": keys}, SUMMED: {"$ne": head.generation}}, mark, types))
        changed_head = self._replace(head, after, types)
        if changed_head is not None:
            self.confirm(head.generation, mark)
        return changed_head

    def drop(self, head: Head, deals: Sequence[Any]) -> Head | None:
        """Take deals that do not exist any more out of the sums; works as :meth:`add`."""
        return self._replace(head, dict.fromkeys(deals, NOTHING), TypeNames(head.types))

    def claim(self, condition: Document, mark: ObjectId, types: TypeNames) -> list[tuple[Any, DealCounts]]:
        """Mark the deals for which ``condition`` holds, and return their keys and counts as they are after that."""
        with self._connection.operation() as database:
            unjournaled(database, "deal_info").update_many(condition, {"$set": {SUMMED: mark}})
        return self.counts({SUMMED: mark}, types)

    def counts(self, condition: Document, types: TypeNames) -> list[tuple[Any, DealCounts]]:
        """Return the keys and counts of the deals for which ``condition`` holds; see :func:`.read_counts`."""
        return read_counts(self._connection, self._zone, condition, types)

    def confirm(self, generation: ObjectId, mark: ObjectId) -> None:
        """Note that the deals that still have this mark are summed."""
        with self._connection.operation() as database:
            unjournaled(database, "deal_info").update_many({SUMMED: mark}, {"$set": {SUMMED: generation}})

    def parts(self, generation: ObjectId, after: Any, last: Any) -> dict[Any, DealCounts]:
        """Return the counts that are in the sums of the deals whose ``_id`` lies after one and not after another."""
        return self._parts({"_id": {"$gt": part_id(generation, after), "$lte": part_id(generation, last)}})

    def _parts(self, condition: Document) -> dict[Any, DealCounts]:
        with self._connection.operation() as database:
            found = parts_of(database).find(condition).to_list()
        parts = ((one["_id"]["deal"], DealCounts(one["stage"], unpack_counts(one["counts"]))) for one in found)
        return {deal: part for deal, part in parts if part.counts}

    def carry_out(self, head: Head) -> Head:
        """Carry out the pending change, and return the head without it."""
        if head.pending is not None:
            with self._connection.operation() as database:
                _change_cells(database, head, head.pending)
                _change_parts(database, head, head.pending)
                note_carried_out(database, head)
        return head._replace(pending=None)

    def _replace(self, head: Head, after: Mapping[Any, DealCounts], types: TypeNames) -> Head | None:
        before = self._parts({"_id": {"$in": [part_id(head.generation, deal) for deal in after]}})
        pairs = {deal: (before.get(deal, NOTHING), counts) for deal, counts in after.items()}
        parts = [(deal, new.stage, pack_counts(new.counts)) for deal, (old, new) in pairs.items() if old != new]
        with self._connection.operation() as database:
            noted = note_change(database, head, Pending(difference(pairs.values()), parts), types.known)
        return None if noted is None else self.carry_out(noted)


def key_batches(deals: Iterable[Document]) -> Iterator[list[Any]]:
    """Yield the keys of deals in batches to be added up together.

    Args:
        deals: with their ids and the number of their activities.
    """
    keys: list[Any] = []
    activities = 0
    for deal in deals:
        summary = deal.get("activities")
        count = summary.get("count") if isinstance(summary, dict) else 0
        number = count if isinstance(count, int) else 0
        if keys and (len(keys) == _DEALS or activities + number > _ACTIVITIES):
            yield keys
            keys, activities = [], 0
        keys.append(deal["_id"])
        activities += number
    if keys:
        yield keys


def _change_cells(database: Database[Document], head: Head, pending: Pending) -> None:
    cells = {key.id(head.generation): (key, numbers) for key, numbers in by_cell(pending.change).items()}
    for batch in batches_of(cells, _WRITES):
        found = {one["_id"]: one for one in sums_of(database).find({"_id": {"$in": batch}})}
        updates = []
        for name in batch:
            key, numbers = cells[name]
            fields = key.fields(head.generation) | changed(found.get(name), numbers)
            updates.append(_once(name, head.number, fields))
        write_unordered(sums_of(database), updates)


def _change_parts(database: Database[Document], head: Head, pending: Pending) -> None:
    updates = [
        _once(part_id(head.generation, deal), head.number, {"stage": stage, "counts": counts})
        for deal, stage, counts in pending.parts
    ]
    if updates:
        write_unordered(parts_of(database), updates)


def _once(key: Any, number: int, fields: Document) -> UpdateOne:
    """Return the update of a document by a change, which fails with a duplicate key if it has it already."""
    return UpdateOne({"_id": key, "at": {"$lt": number}}, {"$set": fields | {"at": number}}, upsert=True)
