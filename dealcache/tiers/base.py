"""The interface of a cache tier.

A tier never decides whether an entry is fresh: it keeps entries until their ``keep_until`` and hands them out; the
read path judges them. What a tier does promise is in the docstrings below; one suite of tests holds every tier to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from dealcache.invalidation import Selection
from dealcache.tiers.entry import CacheKey, Entry


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

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        """The entries under those of ``keys`` that have one, with one look."""

    def record_hit(self, key: CacheKey) -> None:
        """Count that the entry under ``key`` was served; nothing happens when it has gone meanwhile."""

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        """Keep ``entry`` if ``permit()`` says so and nothing newer is there; tell whether it was kept.

        ``permit`` is asked while no invalidation can run in between, so that an entry which an invalidation should
        have removed can never come after it.
        """

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        """Remove the selected entries, and tell the displayed keys that left.

        Args:
            selection: which deals.
            before: the generation of the invalidation: entries whose load began when it was known stay. None: all go.
        """

    def sweep(self) -> None:
        """Give back the memory of entries past their ``keep_until``."""

    def listing(self) -> list[Listing]:
        """All displayed keys, most recently fetched first."""

    def usage(self) -> Usage:
        """How full the tier is now."""
