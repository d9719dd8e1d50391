"""The numbers of activities by owner, type and day, and how they are packed. Pure.

Days are ordinals (:meth:`datetime.date.toordinal`). A stage is the text of its deal's pipeline and stage id, because
two pipelines may use one stage id; an owner is an id, ``""`` for none.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import orjson


class Activity(NamedTuple):
    """What distinguishes the activities of one deal in counts."""

    owner: str
    type: str
    day: int


class DealCounts(NamedTuple):
    """The activities of a deal that count, and its stage."""

    stage: str
    counts: Mapping[Activity, int]


#: The counts of a deal whose activities do not count.
NOTHING = DealCounts("", {})


class Series(NamedTuple):
    """The numbers of activities of one type by day, in order.

    ``owner`` is None if the activities of all owners were added up.
    """

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


def series_of(owner: str | None, kind: str, counts: Mapping[int, int]) -> Series:
    """Return counts by day as a series."""
    days = sorted(counts)
    return Series(owner, kind, array("i", days), array("i", map(counts.__getitem__, days)))


def stage_text(pipeline_id: str | None, stage_id: str | None) -> str:
    """Return a stage as text."""
    return orjson.dumps([pipeline_id, stage_id]).decode()


def stage_ids(text: str) -> tuple[str | None, str | None]:
    """Return the pipeline and stage id in a stage's text."""
    pipeline_id, stage_id = orjson.loads(text)
    return pipeline_id, stage_id


def count_activities(activities: list[Activity]) -> Counter[Activity]:
    """Return the number of each."""
    return Counter(activities)
