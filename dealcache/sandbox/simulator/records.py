"""Records of one object type, with the indexes that keep answers quick, and what the search index saw of them when."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from dealcache.sandbox.simulator.modified_index import ModifiedIndex
from dealcache.sandbox.simulator.object_types import DEALS, ObjectType

Properties = Mapping[str, str | None]

#: The time given to versions that the search index has always known (demo data).
SINCE_EVER = float("-inf")


class Version(NamedTuple):
    """The state of a record since a time (seconds since 1970); ``properties`` is None once search must not find it."""

    at: float
    properties: Properties | None


@dataclass(slots=True, eq=False)
class Record:
    """One deal, activity, contact or company. A change replaces ``properties`` as a whole, never alters it in place.

    ``since`` is when search can find it first, seconds since 1970. ``versions`` stays None until the first change:
    most of a million records never change.
    """

    type: ObjectType
    id: int
    properties: Properties
    created_at: str
    since: float
    versions: list[Version] | None = None
    state: Literal["live", "archived", "merged", "erased"] = "live"
    archived_at: str | None = None

    @property
    def updated_at(self) -> str:
        """The time of the last change of a property, ISO 8601."""
        return self.properties["hs_lastmodifieddate"] or self.created_at

    def all_ids(self) -> list[str]:
        """Its own id and those of all records that were merged into it."""
        merged = (self.properties.get("hs_merged_object_ids") or "").split(";")
        return [str(self.id), *(one for one in merged if one)]

    def indexed(self, at: float) -> Properties | None:
        """The properties that a search index which has seen everything up to ``at`` holds, None if it has none."""
        if self.versions is None:
            return self.properties if self.since <= at else None
        for version in reversed(self.versions):
            if version.at <= at:
                return version.properties
        return None

    def become(self, version: Version) -> None:
        """Notes what search will find from a time on; to be called before ``properties`` is replaced."""
        if self.versions is None:
            self.versions = [Version(self.since, self.properties)]
        self.versions.append(version)

    def history(self, name: str) -> list[tuple[str, str]]:
        """The values a property has had, newest first, as (value, ISO time of the change)."""
        changes: list[tuple[str, str]] = []
        for version in self.versions or [Version(self.since, self.properties)]:
            properties = version.properties
            if properties is None:
                continue
            value = properties.get(name) or ""
            if changes and changes[-1][0] == value:
                continue
            changes.append((value, properties["hs_lastmodifieddate"] or self.created_at))
        return changes[::-1]


@dataclass(slots=True)
class RecordStore:
    """All records of one object type.

    Ids are kept sorted, so that a list page is one bisection; deal names and modified dates are indexed, so that a
    look-up by either reads no other record. Both indexes also keep what was before: search may still be behind at it.
    """

    type: ObjectType
    _by_id: dict[int, Record] = field(default_factory=dict)
    _order: list[int] = field(default_factory=list)
    _ids: dict[bool, list[int]] = field(default_factory=lambda: {False: [], True: []})
    _merged_into: dict[int, int] = field(default_factory=dict)
    _by_name: dict[str, set[int]] = field(default_factory=dict)
    _modified: ModifiedIndex = field(default_factory=ModifiedIndex)
    _changes: list[float] = field(default_factory=list)
    _undated: int = 0

    def get(self, record_id: int) -> Record | None:
        """The record, live or archived. An id that was merged away leads to the record it was merged into."""
        record = self._by_id.get(self._end_of(record_id))
        return None if record is None or record.state == "erased" else record

    def was_merged(self, record_id: int) -> bool:
        """Return True if the record of this id now lives on under another one."""
        return record_id in self._merged_into

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Record], int | None]:
        """The records with ids from ``after`` on, at most ``limit``, and the id that the next page begins with."""
        ids = self._ids[archived]
        start = bisect.bisect_left(ids, after)
        chosen = ids[start : start + limit]
        more = start + limit < len(ids)
        return [self._by_id[one] for one in chosen], ids[start + limit] if more else None

    def everything(self) -> Iterator[Record]:
        """All records by ascending id, with the archived and merged ones that search may not have noticed yet."""
        return (self._by_id[one] for one in self._order)

    def pick(self, ids: set[int]) -> Iterator[Record]:
        """The records of these ids by ascending id, archived and merged ones too; unknown ids are left out."""
        return (self._by_id[one] for one in sorted(ids) if one in self._by_id)

    def named(self, key: str) -> set[int]:
        """Ids of the deals that have, or once had, the case-folded name ``key``."""
        return self._by_name.get(key, set())

    def modified_between(self, since: str, until: str) -> set[int] | None:
        """Ids of the records that have, or once had, a modified date in a span of time (ISO 8601, ends included).

        None if they are so many that going through all records is no slower.
        """
        return self._modified.between(since, until, most=len(self._order) // 4)

    def seen(self, until: float) -> tuple[int, int]:
        """Stands for what search knows that has seen everything up to a time; the same as long as that is the same."""
        return self._undated, bisect.bisect_right(self._changes, until)

    def merged_ids(self) -> dict[int, int]:
        """The ids that were merged away, each with that of the record it leads to in the end."""
        return {one: self._end_of(one) for one in self._merged_into}

    def live_count(self) -> int:
        """Return how many records are not archived."""
        return len(self._ids[False])

    def next_id(self) -> int:
        """An id that no record of this type has had."""
        return self._order[-1] + 1 if self._order else 1

    def insert(self, record: Record) -> None:
        """Adds a live record.

        Raises:
            ValueError: its id is taken.
        """
        if record.id in self._by_id:
            raise ValueError(f"{self.type.singular} {record.id} exists already")
        self._by_id[record.id] = record
        bisect.insort(self._order, record.id)
        bisect.insort(self._ids[False], record.id)
        self._index(record)
        self._note_change(record.since)

    def change(self, record: Record, properties: Properties, at: float) -> None:
        """Gives a record new properties; search sees them once it has caught up with ``at``."""
        record.become(Version(at, properties))
        record.properties = properties
        self._index(record)
        self._note_change(at)

    def set_archived(self, record: Record, archived_at: str | None, at: float) -> bool:
        """Archives (``archived_at`` given) or restores a record; its modified date stays as it was.

        Returns:
            Whether it was not in that state already.
        """
        archived = archived_at is not None
        if archived == (record.state == "archived"):
            return False
        self._remove_listed(record)
        record.state = "archived" if archived else "live"
        record.archived_at = archived_at
        bisect.insort(self._ids[archived], record.id)
        record.become(Version(at, None if archived else record.properties))
        self._note_change(at)
        return True

    def retire(self, record: Record, successor: int, at: float) -> None:
        """Takes a merged record out of all lists and lets its id lead to ``successor``."""
        self._remove_listed(record)
        record.state = "merged"
        record.become(Version(at, None))
        self._note_change(at)
        self._merged_into[record.id] = successor

    def erase(self, record: Record, at: float) -> None:
        """Takes a live or archived record out of everything for good; search may still be behind at it."""
        self._remove_listed(record)
        record.state = "erased"
        record.become(Version(at, None))
        self._note_change(at)

    def _remove_listed(self, record: Record) -> None:
        ids = self._ids[record.state == "archived"]
        del ids[bisect.bisect_left(ids, record.id)]

    def _index(self, record: Record) -> None:
        self._modified.add(record.updated_at, record.id)
        if self.type is DEALS:
            key = (record.properties.get("dealname") or "").casefold()
            self._by_name.setdefault(key, set()).add(record.id)

    def _note_change(self, at: float) -> None:
        if at == SINCE_EVER or (self._changes and at < self._changes[-1]):
            # Out of turn: whatever search was thought to know may be wrong.
            self._undated += 1
        if at != SINCE_EVER:
            bisect.insort(self._changes, at)

    def _end_of(self, record_id: int) -> int:
        while record_id in self._merged_into:
            record_id = self._merged_into[record_id]
        return record_id
