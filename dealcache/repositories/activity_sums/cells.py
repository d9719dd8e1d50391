"""The documents that hold sums of activities: one for each stage and owner, and for all stages and owners. Pure.

A cell holds, for each type, the days with activities and their numbers. Cells of all stages or all owners are large and
change often, so they are for one year each. A million activities of 50 owners in 20 stages are about 1,300 cells with
13 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import orjson
from bson import ObjectId

from dealcache.repositories.activity_sums.counts import Change
from dealcache.repositories.documents import Document

#: The stage, or owner, of sums over all of them; sorts before the others.
ALL = "*"

#: The year of cells that have all years.
ANY_YEAR = 0

_OWNER = "="

#: Numbers by type and day.
Numbers = defaultdict[str, dict[int, int]]


class Series(NamedTuple):
    """The numbers of activities of one type by day, in order; ``owner`` is None for those of all owners."""

    owner: str | None
    type: str
    days: array[int]
    counts: array[int]

    def between(self, first: int | None, last: int | None) -> Series:
        """Return the part from one day to another, both included; None for an open end."""
        if first is None and last is None:
            return self
        begin = 0 if first is None else bisect_left(self.days, first)
        end = len(self.days) if last is None else bisect_right(self.days, last)
        return self._replace(days=self.days[begin:end], counts=self.counts[begin:end])


def series_of_type(owner: str | None, kind: str, numbers: Mapping[int, int]) -> Series:
    """Return numbers by day as a series; days without activities are left out."""
    days = sorted(day for day, number in numbers.items() if number)
    return Series(owner, kind, array("i", days), array("i", map(numbers.__getitem__, days)))


class CellKey(NamedTuple):
    """The place of a cell among those of one generation of sums, as its document has it."""

    stage: str
    owner: str
    year: int

    @classmethod
    def of(cls, stage: str, owner: str, day: int) -> CellKey:
        """Return the place of activities of a day."""
        return cls(stage, owner, year_of(day) if ALL in (stage, owner) else ANY_YEAR)

    def id(self, generation: ObjectId) -> str:
        """Return the id of the document."""
        return orjson.dumps([str(generation), *self]).decode()

    def fields(self, generation: ObjectId) -> Document:
        """Return the fields of the document that have the key."""
        return {"of": generation, **self._asdict()}


def stored_owner(owner: str) -> str:
    """Return an owner as cells have it, which is never :data:`ALL`."""
    return _OWNER + owner


def owner_in(stored: str) -> str | None:
    """Return the owner that a cell has; None for all of them."""
    return None if stored == ALL else stored.removeprefix(_OWNER)


def by_cell(change: Change) -> dict[CellKey, Numbers]:
    """Return a change of sums by the cells that it affects."""
    cells: defaultdict[CellKey, Numbers] = defaultdict(lambda: defaultdict(dict))
    for (stage, owner, kind, day), number in change.items():
        for place in product((stage, ALL), (stored_owner(owner), ALL)):
            numbers = cells[CellKey.of(*place, day)][kind]
            numbers[day] = numbers.get(day, 0) + number
    return cells


def by_years(stage: str, owner: str, series: Series) -> Iterator[tuple[CellKey, Series]]:
    """Yield the parts of a series with the cells that they belong to."""
    rest = series
    while rest.days:
        key = CellKey.of(stage, owner, rest.days[0])
        if key.year == ANY_YEAR:
            yield key, rest
            return
        last = date(key.year, 12, 31).toordinal()
        yield key, rest.between(None, last)
        rest = rest.between(last + 1, None)


@lru_cache(maxsize=100_000)
def year_of(day: int) -> int:
    """Return the year of a day."""
    return date.fromordinal(day).year


def changed(cell: Document | None, change: Mapping[str, Mapping[int, int]]) -> Document:
    """Return the contents of a cell after a change; None for a cell that does not exist yet."""
    types = {} if cell is None else {one.type: one for one in series_in(cell)}
    for kind, numbers in change.items():
        types[kind] = _added(types.get(kind) or Series(None, kind, array("i"), array("i")), numbers)
    return contents(types[kind] for kind in sorted(types) if types[kind].days)


def _added(series: Series, numbers: Mapping[int, int]) -> Series:
    """Return a series with the numbers of some days added to it; changes it."""
    days, counts = series.days, series.counts
    for day, number in numbers.items():
        place = bisect_left(days, day)
        if place == len(days) or days[place] != day:
            days.insert(place, day)
            counts.insert(place, 0)
        counts[place] += number
        if not counts[place]:
            del days[place], counts[place]
    return series


def contents(series: Iterable[Series]) -> Document:
    """Return sums as the contents of a cell."""
    return {"types": [[one.type, one.days.tobytes(), one.counts.tobytes()] for one in series]}


def series_in(cell: Document) -> Iterator[Series]:
    """Yield the sums in a cell."""
    owner = owner_in(cell["owner"])
    for kind, days, counts in cell["types"]:
        yield Series(owner, kind, array("i", days), array("i", counts))
