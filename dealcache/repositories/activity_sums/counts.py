"""The numbers of activities by owner, type and day: their differences, and how they are packed. Pure.

Days are ordinals (:meth:`datetime.date.toordinal`). A stage is the text of its deal's pipeline and stage id, because
two pipelines may use one stage id; an owner is an id, ``""`` for none.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from dealcache.model.deals import EVENT_TYPES

#: The type under which activities of rare types of other systems are counted, how many of these types have numbers of
#: their own, and how long their names may be.
OTHER_TYPE = "Other"
_MOST_TYPES, _LONGEST_TYPE = 100, 100

_OWN_TYPES = frozenset(EVENT_TYPES)

#: Bytes from which packed values are compressed.
_LARGE = 4_096


class Activity(NamedTuple):
    """The owner, the type and the day by which the activities of one deal are counted."""

    owner: str
    type: str
    day: int


class DealCounts(NamedTuple):
    """The stage of a deal, and the numbers of its activities that count."""

    stage: str
    counts: Mapping[Activity, int]


#: The counts of a deal whose activities do not count.
NOTHING = DealCounts("", {})

#: Numbers by stage, owner, type and day.
Change = Mapping[tuple[str, str, str, int], int]


def stage_text(pipeline_id: str | None, stage_id: str | None) -> str:
    """Return a stage as text."""
    return orjson.dumps([pipeline_id, stage_id]).decode()


def stage_ids(text: str) -> tuple[str | None, str | None]:
    """Return the pipeline and stage id in a stage's text."""
    pipeline_id, stage_id = orjson.loads(text)
    return pipeline_id, stage_id


def counted_type(kind: str, known: list[str]) -> str:
    """Return the type under which activities of a type are counted.

    Args:
        kind: their type.
        known: the types of other systems that have numbers of their own; the type is added if it becomes one of them.
    """
    if kind in _OWN_TYPES or kind in known:
        return kind
    if len(known) == _MOST_TYPES or len(kind) > _LONGEST_TYPE:
        return OTHER_TYPE
    known.append(kind)
    return kind


def difference(pairs: Iterable[tuple[DealCounts, DealCounts]]) -> Change:
    """Return the change of all sums by deals, each given as it was and as it is."""
    change: Counter[tuple[str, str, str, int]] = Counter()
    for before, after in pairs:
        if before == after:
            continue
        for activity, number in after.counts.items():
            change[after.stage, *activity] += number
        for activity, number in before.counts.items():
            change[before.stage, *activity] -= number
    return {key: number for key, number in change.items() if number}


def pack_counts(counts: Mapping[Activity, int]) -> bytes:
    """Return the counts of a deal as bytes."""
    series: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for (owner, kind, day), number in counts.items():
        series[owner, kind] += day, number
    return pack([[*key, flat] for key, flat in series.items()])


def unpack_counts(packed: bytes) -> dict[Activity, int]:
    """Return counts that :func:`pack_counts` has packed."""
    return {
        Activity(owner, kind, day): number
        for owner, kind, flat in unpack(packed)
        for day, number in zip(flat[::2], flat[1::2], strict=True)
    }


def pack_change(change: Change) -> bytes:
    """Return a change as bytes."""
    return pack([[*key, number] for key, number in change.items()])


def unpack_change(packed: bytes) -> Change:
    """Return a change that :func:`pack_change` has packed."""
    return {(stage, owner, kind, day): number for stage, owner, kind, day, number in unpack(packed)}


def pack(value: Sequence[Any]) -> bytes:
    """Return a list as bytes, compressed if it is long."""
    text = orjson.dumps(value)
    return zlib.compress(text, 1) if len(text) >= _LARGE else text


def unpack(packed: bytes) -> Any:
    """Return a list that :func:`pack` has packed."""
    return orjson.loads(packed if packed.startswith(b"[") else zlib.decompress(packed))
