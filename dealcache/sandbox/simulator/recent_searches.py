"""Remembers the last searches, so that their further pages do not go through all records again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from dealcache.sandbox.simulator.records import Record

#: How many are remembered; each holds a reference to every record that it found.
KEPT = 8


class RecentSearches:
    """The results of the last searches. Not thread-safe: endpoints run under the data set's lock."""

    def __init__(self) -> None:
        self._found: OrderedDict[Hashable, Sequence[Record]] = OrderedDict()

    def get(self, key: Hashable, search: Callable[[], Sequence[Record]]) -> Sequence[Record]:
        """Return what a search found, from memory if it is there.

        Args:
            key: everything that the result depends on, the state of the search index among it.
            search: does the work when it is not remembered.
        """
        found = self._found.pop(key, None)
        if found is None:
            found = search()
        self._found[key] = found
        if len(self._found) > KEPT:
            self._found.popitem(last=False)
        return found
