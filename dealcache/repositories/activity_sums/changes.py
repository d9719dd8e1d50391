"""Changes of the sums of activities by deals that are not summed: some at a time, each time as a whole.

See :mod:`.head` for how a change survives its process, and :mod:`.deal_counter` for deals that change meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from dealcache.model.batches import batches_of
from dealcache.repositories.activity_sums.cells import by_cell, changed
from dealcache.repositories.activity_sums.counts import (
    NOTHING,
    DealCounts,
    difference,
    pack_counts,
    unpack_counts,
)
from dealcache.repositories.activity_sums.deal_counter import DealCounter, key_batches
from dealcache.repositories.activity_sums.head import (
    ActivityRepository,
    Head,
    Pending,
    part_id,
    parts_of,
    sums_of,
)
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.writes.unordered import write_unordered

#: Documents to write at once.
_WRITES = 500


class ActivityChanges(ActivityRepository):
    """Changes the sums. Thread-safe."""

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        super().__init__(connection, zone)
        #: The deals whose activities are added up.
        self.deals = DealCounter(connection, zone)

    def settled_head(self) -> Head | None:
        """Carry out the pending change if there is one, and return the head without it; None if there are no sums."""
        head = self.head()
        return None if head is None else self.carry_out(head)

    def add(self, head: Head, deals: Sequence[Document]) -> Head | None:
        """Change the sums by deals that are not summed, as far as they fit into one change.

        Args:
            head: as it was read, without a pending change.
            deals: at least one; see :meth:`.DealCounter.unsummed`.

        Returns:
            The head afterwards; None if another process has changed the sums meanwhile.
        """
        types = list(head.types)
        mark, after = self.deals.claim(head.generation, next(key_batches(deals)), types)
        changed_head = self._replace(head, dict(after), types)
        if changed_head is not None:
            self.deals.confirm(head.generation, mark)
        return changed_head

    def drop(self, head: Head, deals: Sequence[Any]) -> Head | None:
        """Take deals that do not exist any more out of the sums; works as :meth:`add`."""
        return self._replace(head, dict.fromkeys(deals, NOTHING), list(head.types))

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
            self.note_carried_out(head)
        return head._replace(pending=None)

    def _replace(self, head: Head, after: Mapping[Any, DealCounts], types: list[str]) -> Head | None:
        before = self._parts({"_id": {"$in": [part_id(head.generation, deal) for deal in after]}})
        pairs = {deal: (before.get(deal, NOTHING), counts) for deal, counts in after.items()}
        parts = [
            {"deal": deal, "stage": new.stage, "counts": pack_counts(new.counts)}
            for deal, (old, new) in pairs.items()
            if old != new
        ]
        noted = self.note_change(head, Pending(difference(pairs.values()), parts), types)
        return None if noted is None else self.carry_out(noted)


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
        _once(part_id(head.generation, one["deal"]), head.number, {"stage": one["stage"], "counts": one["counts"]})
        for one in pending.parts
    ]
    write_unordered(parts_of(database), updates)


def _once(key: Any, number: int, fields: Document) -> UpdateOne:
    """Return the update of a document by a change, which fails with a duplicate key if it has it already."""
    return UpdateOne({"_id": key, "at": {"$lt": number}}, {"$set": fields | {"at": number}}, upsert=True)
