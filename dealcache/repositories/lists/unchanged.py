"""Reads deals together with what shows whether lists were unchanged meanwhile.

A query of its own for that takes as long as most pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.collection import Collection

from dealcache.repositories.deal_summaries.settling import MARKED_COMPLETE
from dealcache.repositories.documents import Document
from dealcache.repositories.lists.version import APPEND_STATE, ListState, state_in

_ONE_MARKED: Sequence[Document] = [{"$match": MARKED_COMPLETE}, {"$limit": 1}, {"$project": {"_id": 1}}]


class Unchanged:
    """Tells whether lists had a known version all the time while something was read.

    Versions only grow: what is read after lists had one, and before the same one is read again, belongs to it.

    Args:
        version: the known version of lists.
        unmarked: a state of that version in which no deal had a mark.
    """

    def __init__(self, version: int, unmarked: ListState) -> None:
        self.version = version
        self._unmarked = unmarked
        # Marks are read before the version, which is raised as a mark is removed.
        marks = [] if unmarked.is_quiet else [{"$unionWith": {"coll": "deal_info", "pipeline": _ONE_MARKED}}]
        #: The stages that append what :meth:`without` takes away again.
        self.stages: Sequence[Document] = [*marks, APPEND_STATE]
        self._until_now = False

    def __bool__(self) -> bool:
        """Return True if they had it until the end of the last query."""
        return self._until_now

    def without(self, answer: Sequence[Document]) -> list[Document]:
        """Return the documents of a query, which have no ``_id``, without the appended ones."""
        deals = [one for one in answer if "_id" not in one]
        *marked, found = answer[len(deals) :] or [{}]
        state = state_in(found)
        unmarked = not marked and (not self._unmarked.is_quiet or nobody_marks(self._unmarked, state))
        self._until_now = unmarked and state.version == self.version and not state.is_changing
        return deals


def nobody_marks(unmarked: ListState, now: ListState) -> bool:
    """Return True if no process can have marked a deal between two states, the first of which had no marks."""
    return unmarked.is_quiet and now.signed_at == unmarked.signed_at


def find_deals(
    deals: Collection[Document],
    condition: Document,
    projection: Document,
    limit: int,
    order: Sequence[tuple[str, int]] = (),
    unchanged: Unchanged | None = None,
    max_time_ms: int | None = None,
    **hint: Any,
) -> list[Document]:
    """Return the first documents for which a condition holds.

    Args:
        deals: the collection.
        condition: MongoDB's.
        projection: the fields to read, without ``_id``.
        limit: how many; with 0 MongoDB is not asked, whose ``find`` would return all.
        order: the fields to sort by, each with its direction.
        unchanged: told whether lists are unchanged; None to leave that out.
        max_time_ms: MongoDB's time limit, in milliseconds.
        hint: the index.
    """
    if not limit:
        return []
    if unchanged is None:
        wanted: Document = {"sort": order, "limit": limit, "batch_size": limit + 1, "max_time_ms": max_time_ms}
        return deals.find(condition, projection, **wanted, **hint).to_list()
    stages: list[Document] = [{"$match": condition}]
    if order:
        stages.append({"$sort": dict(order)})
    stages += [{"$limit": limit}, {"$project": projection}, *unchanged.stages]
    patience: Document = {} if max_time_ms is None else {"maxTimeMS": max_time_ms}
    return unchanged.without(deals.aggregate(stages, batchSize=limit + 3, **patience, **hint).to_list())
