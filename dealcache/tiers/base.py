"""The interface of a cache tier.

A tier never decides whether an entry may serve, which is up to the read path: it keeps entries until their
``keep_until``, or while they are fresh. One suite of tests holds every tier to the promises below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dealcache.model.invalidation import Selection
from dealcache.tiers.entry import CacheKey, Entry


class Columns(NamedTuple):
    """The statistics of some entries, in columns: an object for each entry would take several times as long.

    Several entries may be shown under one key, such as a deal that was read by its name and by its id.
    """

    keys: Sequence[str]
    deal_ids: Sequence[str | None]
    fetched_at: Sequence[float]
    expires_at: Sequence[float]
    size_bytes: Sequence[int]
    hits: Sequence[int]


@dataclass(frozen=True, slots=True)
class Usage:
    """The size of a tier, and the number of entries that it evicted."""

    entries: int
    size_bytes: int
    max_bytes: int
    evictions: int


class Tier(Protocol):
    """A cache tier. Thread-safe.

    A tier outside of the process raises RedisUnavailable from any method if it cannot be reached or does not answer. It
    may have done its work nevertheless: kept the entry, or removed some of those to invalidate.
    """

    @property
    def name(self) -> str:
        """The tier's name as the contract's headers show it."""

    def get(self, key: CacheKey) -> Entry | None:
        """Return the entry under ``key``, fresh or stale, or None."""

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        """Return the entries of those ``keys`` that have one, under one lock or in one round trip."""

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        """Keep ``entry`` if ``permit()`` is True and nothing newer is there; return True if it was kept.

        An entry that an invalidation of this process should have removed never stays after it: ``permit`` is called
        while no invalidation can run in between, or once more after the entry was stored, which is then removed if it
        may not be kept any more. So ``permit`` must return False before the invalidation begins.
        """

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        """Remove the selected entries and return their displayed keys.

        Args:
            selection: the deals.
            before: the generation of the invalidation; entries whose load began when it was already known stay. None
                for all.
        """
