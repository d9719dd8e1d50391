"""What one worker tells of its cache, and what the figures of several workers are together. Plain values, no I/O."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dealcache.tiers import Listing, Usage

#: Displayed keys that one worker tells of at most: a second is not enough for more of them.
MOST_KEYS = 100_000

_NEVER = (float("-inf"), float("-inf"))


@dataclass(frozen=True, slots=True)
class Columns:
    """Displayed keys and what there is to say of each, most recently fetched first.

    Columns, because there may be a hundred thousand keys: as many objects would take several times as long.
    """

    keys: Sequence[str] = ()
    fetched_at: Sequence[float] = ()
    expires_at: Sequence[float] = ()
    size_bytes: Sequence[int] = ()
    hits: Sequence[int] = ()

    @classmethod
    def of(cls, listing: Sequence[Listing]) -> Columns:
        """The columns of what a tier lists."""
        return cls(
            [row.key for row in listing],
            [row.fetched_at for row in listing],
            [row.expires_at for row in listing],
            [row.size_bytes for row in listing],
            [row.hits for row in listing],
        )

    def first(self, count: int) -> Columns:
        """The first ``count`` of them."""
        return Columns(
            self.keys[:count],
            self.fetched_at[:count],
            self.expires_at[:count],
            self.size_bytes[:count],
            self.hits[:count],
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What one worker tells.

    Args:
        by_tier: how many reads each tier has answered there.
        failed: how many reads none could answer.
        usage: how full its memory is.
        columns: the keys that it holds.
        untold: how many more it holds than ``columns`` has.
    """

    by_tier: Mapping[str, int]
    failed: int
    usage: Usage
    columns: Columns
    untold: int = 0

    def told_in(self, count: int) -> Figures:
        """The same, with ``count`` keys at most."""
        left_out = max(0, len(self.columns.keys) - count)
        return Figures(self.by_tier, self.failed, self.usage, self.columns.first(count), self.untold + left_out)


@dataclass(frozen=True, slots=True)
class Summary:
    """What workers tell together.

    Args:
        by_tier: how many reads each tier has answered.
        failed: how many reads none could answer.
        usage: how full their memories are.
        total: how many different keys they hold.
        rows: the chosen keys, most recently fetched first; each with the times of the youngest value under it, and with
            sizes and hits added.
        workers: how many workers told.
        missing: the workers that did not, as people are told of them.
        complete: whether all were asked and all have told everything. Else ``missing`` did not, or it was not sure who
            there is, or a worker holds more keys than it can tell: then ``total`` may count a key twice.
    """

    by_tier: Mapping[str, int]
    failed: int
    usage: Usage
    total: int
    rows: list[Listing]
    workers: int
    missing: Sequence[str] = ()
    complete: bool = True


def summary(
    told: Sequence[Figures], prefix: str, limit: int, missing: Sequence[str] = (), all_asked: bool = True
) -> Summary:
    """The figures of several workers together.

    Args:
        told: what each told.
        prefix: only keys that begin so are chosen; they count all the same.
        limit: how many are chosen at most.
        missing: the workers that did not tell.
        all_asked: whether it was known whom to ask.
    """
    youngest = _youngest([one.columns for one in told])
    untold = sum(one.untold for one in told)
    usages = [one.usage for one in told]
    return Summary(
        by_tier=_added(one.by_tier for one in told),
        failed=sum(one.failed for one in told),
        usage=Usage(
            sum(usage.entries for usage in usages),
            sum(usage.size_bytes for usage in usages),
            sum(usage.max_bytes for usage in usages),
            sum(usage.evictions for usage in usages),
        ),
        total=len(youngest) + untold,
        rows=_rows([one.columns for one in told], youngest, _chosen(youngest, prefix, limit)),
        workers=len(told),
        missing=missing,
        complete=all_asked and not missing and not untold,
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    added: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            added[name] = added.get(name, 0) + count
    return added


def _youngest(columns: Iterable[Columns]) -> dict[str, tuple[float, float]]:
    """When the youngest value under each key was fetched, and when it expires."""
    youngest: dict[str, tuple[float, float]] = {}
    for one in columns:
        for key, times in zip(one.keys, zip(one.fetched_at, one.expires_at, strict=True), strict=True):
            if times > youngest.get(key, _NEVER):
                youngest[key] = times
    return youngest


def _chosen(youngest: Mapping[str, tuple[float, float]], prefix: str, limit: int) -> list[str]:
    matching = (key for key in youngest if key.startswith(prefix))
    return heapq.nlargest(limit, matching, key=lambda key: youngest[key][0])


def _rows(
    columns: Iterable[Columns], youngest: Mapping[str, tuple[float, float]], chosen: Sequence[str]
) -> list[Listing]:
    sizes, hits = dict.fromkeys(chosen, 0), dict.fromkeys(chosen, 0)
    for one in columns:
        for key, size, served in zip(one.keys, one.size_bytes, one.hits, strict=True):
            if key in sizes:
                sizes[key] += size
                hits[key] += served
    return [Listing(key, *youngest[key], sizes[key], hits[key]) for key in chosen]
