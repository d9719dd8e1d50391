"""Arrays that another system has put in place of the values by which deals are sorted.

MongoDB compares an array by one of its items, and by different ones in different queries, so that a page could not tell
where the next one begins. Deals with arrays therefore come last, among those without a valid value. Finding them takes
a walk through an index, which is made only if the index has ever had an array.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pymongo.errors import OperationFailure

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.lists.indexes import Sort
from dealcache.repositories.recent_answers import RecentAnswers

#: Seconds for which an index that had no array counts as one without any.
_KNOWN_SECONDS = 60.0


class Arrays:
    """Remembers which sort orders have arrays among their values. Thread-safe.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._answers = RecentAnswers[str, bool](_KNOWN_SECONDS, timer)

    def may_be_in(self, sort: Sort) -> bool:
        """Return True if some deal may have an array there; raise StoreError if MongoDB fails."""
        return self._answers.get(sort.index, lambda: self._ask(sort))

    def are_in(self, documents: Iterable[Document], sort: Sort) -> bool:
        """Return True, and remember it, if one of these deals has an array there."""
        if any(isinstance(stored_at(document, sort.field), list) for document in documents):
            self._answers.remember(sort.index, True)
            return True
        return False

    def _ask(self, sort: Sort) -> bool:
        asked = {"find": "deal_info", "filter": {"archived": False}, "hint": sort.index}
        with self._connection.operation() as database:
            try:
                told = database.command("explain", asked, verbosity="queryPlanner")
            except OperationFailure:
                return False  # indexes are built while the service is already serving
        return bool(_multikey(told).get(sort.field))


def _multikey(told: Any) -> Mapping[str, Any]:
    """Return the fields of an index, each with the parts of its path that have ever held arrays."""
    if isinstance(told, Mapping):
        if isinstance(paths := told.get("multiKeyPaths"), Mapping):
            return paths
        told = list(told.values())
    return next(filter(None, map(_multikey, told)), {}) if isinstance(told, list) else {}


def stored_at(document: Document, field: str) -> Any:
    """Return the value of a field, whose name has dots, or the array on the way to it."""
    value: Any = document
    for name in field.split("."):
        if not isinstance(value, dict):
            break
        value = value.get(name)
    return value
