"""Pages of a listing of keys, in several orders; each page begins where the previous one ended. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import gt, lt
from typing import NamedTuple

#: The orders of keys; a ``-`` in front reverses them. By ``age`` the youngest come first.
SORTS = ("key", "age", "remaining", "size", "hits")


class Place(NamedTuple):
    """The place of a key in an order: its value as a number, then the key itself."""

    rank: float
    key: str


@dataclass(frozen=True, slots=True)
class Page:
    """The wanted keys.

    Args:
        prefix: only keys that begin with it.
        limit: the most keys.
        sort: one of :data:`SORTS`, perhaps with a ``-`` in front.
        after: the place of the last key of the previous page; None for the first page.
    """

    prefix: str = ""
    limit: int = 1_000
    sort: str = "age"
    after: Place | None = None

    @property
    def sorted_by(self) -> str:
        """The value that keys are sorted by, in either direction."""
        return self.sort.removeprefix("-")

    def choose(self, keys: Iterable[str], values: Mapping[str, float]) -> tuple[list[str], Place | None]:
        """Return the keys of this page in order, and the place of the last one if more follow.

        Keys of equal values are sorted by themselves, so that pages never overlap.

        Args:
            keys: the keys that begin with ``prefix``.
            values: the value of each key to sort by; unused if that is the key itself.
        """
        # Texts cannot be negated, so the keys are taken from the other end.
        pick, follows = (heapq.nlargest, lt) if self.sort == "-key" else (heapq.nsmallest, gt)
        sign = -1.0 if self.sort.startswith("-") else 1.0
        by_key = self.sorted_by == "key"
        places: Iterable[Place] = (Place(0.0 if by_key else sign * values[key], key) for key in keys)
        if self.after is not None:
            after = self.after
            places = (place for place in places if follows(place, after))
        found = pick(self.limit + 1, places)
        more = 0 < self.limit < len(found)
        return [place.key for place in found[: self.limit]], found[self.limit - 1] if more else None
