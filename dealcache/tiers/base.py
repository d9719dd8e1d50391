"""The interface of a cache tier.

A tier never decides whether an entry is fresh: it keeps entries until their ``keep_until`` and hands them out; the
read path judges them. What a tier does promise is in the docstrings below; one suite of tests holds every tier to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from dealcache.deals import name_key
from dealcache.tiers.entry import CacheKey, Entry


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries an invalidation concerns: everything, or the deals of some ids and names.

    ``name_keys`` are names in the form of :func:`dealcache.deals.name_key`.
    """

    deal_ids: frozenset[str] = frozenset()
    name_keys: frozenset[str] = frozenset()
    everything: bool = False

    @classmethod
    def all(cls) -> Selection:
        """Every entry there is."""
        return cls(everything=True)

    @classmethod
    def deals(cls, *, ids: Iterable[str] = (), names: Iterable[str] = ()) -> Selection:
        """The entries of the deals with these ids, and of all deals with these names in any case."""
        return cls(frozenset(ids), frozenset(name_key(name) for name in names))


@dataclass(frozen=True, slots=True)
class Listing:
    """What ``cache-stats`` shows of one displayed key."""

    key: str
    fetched_at: float
    expires_at: float
    size_bytes: int
    hits: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a tier is, and how many entries it gave up to stay within its bound."""

    entries: int
    size_bytes: int
    max_bytes: int
    evictions: int


class Tier(Protocol):
    """A place that keeps entries. Every method may be called from any thread."""

    @property
    def name(self) -> str:
        """The tier's name as the contract's headers show it."""

    def get(self, key: CacheKey) -> Entry | None:
        """The entry under ``key``, fresh or kept for bad times, or None."""

    def record_hit(self, key: CacheKey) -> None:
        """Count that the entry under ``key`` was served; nothing happens when it has gone meanwhile."""

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        """Keep ``entry`` if ``permit()`` says so and nothing newer is there; tell whether it was kept.

        ``permit`` is asked while no invalidation can run in between, so that an entry which an invalidation should
        have removed can never come after it.
        """

    def invalidate(self, selection: Selection) -> set[str]:
        """Remove the selected entries, and tell the displayed keys that left."""

    def sweep(self) -> None:
        """Give back the memory of entries past their ``keep_until``."""

    def listing(self) -> list[Listing]:
        """All displayed keys, most recently fetched first."""

    def usage(self) -> Usage:
        """How full the tier is now."""
