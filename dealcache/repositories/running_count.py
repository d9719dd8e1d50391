"""The exact number of documents in a collection, at the price of MongoDB's estimate.

Counting a million documents takes MongoDB a third of a second. The total that it maintains itself costs nothing, but
may be wrong after a crash of mongod. Its changes are correct as long as the same mongod runs. So documents are counted
once, and the change of the total since then is added.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from dealcache.repositories.documents import Document

#: Seconds after which they are counted again in any case.
_COUNT_AGAIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Base:
    """A count, and MongoDB's own total at that time; ``is_sure`` unless it changed meanwhile."""

    process: Any
    counted: int
    total: int
    at: float
    is_sure: bool


class RunningCount:
    """Counts the documents of one collection. Used by one thread.

    Args:
        collection: its name.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, collection: str, timer: Callable[[], float] = time.monotonic) -> None:
        self._name = collection
        self._timer = timer
        self._base: _Base | None = None

    def read(self, database: Database[Document], process: object) -> int | None:
        """Return the number of documents; None until :meth:`count` has counted them in this run of mongod.

        Args:
            database: the database of the collection.
            process: identifies the present run of mongod.
        """
        base = self._base
        if base is None or base.process != process:
            return None
        return max(0, base.counted + database[self._name].estimated_document_count() - base.total)

    def is_due(self, process: object) -> bool:
        """Return True if they must be counted again, because the known count may be wrong."""
        base = self._base
        if base is None or base.process != process or not base.is_sure:
            return True
        return self._timer() - base.at >= _COUNT_AGAIN_SECONDS

    def count(self, database: Database[Document], process: object) -> None:
        """Count them."""
        collection = database[self._name]
        before = collection.estimated_document_count()
        counted = collection.count_documents({}, hint="_id_")
        total = collection.estimated_document_count()
        self._base = _Base(process, counted, total, self._timer(), is_sure=before == total)
