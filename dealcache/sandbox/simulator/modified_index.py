"""Which records of a type were modified when: so that a search for a span of time reads only those."""

from __future__ import annotations

import bisect

#: From so many new entries on, sorting all at once is quicker than putting each in its place.
SORT_FROM = 500


class ModifiedIndex:
    """Ids of records by each ``hs_lastmodifieddate`` that they have, or once had: search may still be behind at it."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, int]] = []
        self._fresh: list[tuple[str, int]] = []

    def add(self, modified: str, record_id: int) -> None:
        """Notes a modified date (ISO 8601, as HubSpot writes it) of a record."""
        self._fresh.append((modified, record_id))

    def between(self, since: str, until: str, most: int) -> set[int] | None:
        """The ids with a modified date from ``since`` to ``until``, both included; None if over ``most`` entries."""
        self._sort_in()
        start = bisect.bisect_left(self._entries, (since, 0))
        end = bisect.bisect_right(self._entries, until, key=lambda entry: entry[0])
        if end - start > most:
            return None
        return {record_id for _, record_id in self._entries[start:end]}

    def _sort_in(self) -> None:
        if len(self._fresh) < SORT_FROM:
            for entry in self._fresh:
                bisect.insort(self._entries, entry)
        else:
            self._entries += self._fresh
            self._entries.sort()
        self._fresh.clear()
