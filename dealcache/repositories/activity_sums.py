"""The numbers of activities of all deals, by day, type, owner and the deal's stage."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from dealcache.repositories.activity_counts import Series, series_of
from dealcache.repositories.activity_reading import DEAL_FIELDS, ActivityReader
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document

#: Deals to read together.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums at one moment: by stage, owner and type, the number of each day."""

    counts: dict[tuple[str, str, str], Counter[int]]

    def stages(self) -> set[str]:
        """Return the stages of the deals."""
        return {stage for stage, _, _ in self.counts}

    def owners(self) -> set[str]:
        """Return the owners of the activities."""
        return {owner for _, owner, _ in self.counts}

    def series(
        self, stages: Collection[str] | None, owners: Collection[str] | None, *, by_owner: bool
    ) -> Iterator[Series]:
        """Yield the sums of some stages and owners, None for all of them."""
        merged: defaultdict[tuple[str | None, str], Counter[int]] = defaultdict(Counter)
        for (stage, owner, kind), counts in self.counts.items():
            if (stages is None or stage in stages) and (owners is None or owner in owners):
                merged[owner if by_owner else None, kind] += counts
        for (of_owner, kind), counts in merged.items():
            yield series_of(of_owner, kind, counts)


class ActivitySums:
    """Reads the sums of activities. Thread-safe.

    Args:
        connection: the database.
        zone: the zone of the days.
    """

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        self._connection = connection
        self._reader = ActivityReader(connection, zone)

    def read(self) -> Sums:
        """Return the sums as they are now.

        Raises:
            StoreError: MongoDB failed.
        """
        sums: defaultdict[tuple[str, str, str], Counter[int]] = defaultdict(Counter)
        for page in self._pages():
            for stage, counts in self._reader.counts(page):
                for (owner, kind, day), number in counts.items():
                    sums[stage, owner, kind][day] += number
        return Sums(dict(sums))

    def _pages(self) -> Iterator[Sequence[Document]]:
        after: Document = {}
        while True:
            with self._connection.operation() as database:
                found = database.deal_info.find(after, DEAL_FIELDS, sort=[("_id", 1)], limit=_PAGE).to_list()
            if not found:
                return
            yield found
            after = {"_id": {"$gt": found[-1]["_id"]}}
