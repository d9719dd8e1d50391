"""The interface of a cache tier.

A tier never decides whether an entry is fresh: it keeps entries until their ``keep_until``, or for as long as they are
fresh, and hands them out; the read path judges them. What a tier does promise is in the docstrings below; one suite of
tests holds every tier to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dealcache.invalidation import Selection
from dealcache.tiers.entry import CacheKey, Entry


class Listing(NamedTuple):
    """What ``cache-stats`` shows of one displayed key. A tuple, because tens of thousands of them are made at once."""

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
    """A place that keeps entries. Every method may be called from any thread.

    A tier outside of the process raises RedisUnavailable when it cannot be reached, from any method: the read path goes
    on without it, but has to say so, and has to know that what it invalidated is still there.
    """

    @property
    def name(self) -> str:
        """The tier's name as the contract's headers show it."""

    def get(self, key: CacheKey) -> Entry | None:
        """The entry under ``key``, fresh or kept for bad times, or None.

        Raises:
            RedisUnavailable: the tier cannot be reached; nobody knows what it holds.
        """

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        """The entries under those of ``keys`` that have one, with one look, or in one round trip.

        Raises:
            RedisUnavailable: the tier cannot be reached; nobody knows what it holds.
        """

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        """Keep ``entry`` if ``permit()`` says so and nothing newer is there; tell whether it was kept.

        An entry that an invalidation of this process should have removed never stays after it: ``permit`` is asked
        while no invalidation can run in between, or once more when the entry is there, which leaves again if it may
        not be kept any more. So ``permit`` must say no before the invalidation begins.

        Raises:
            RedisUnavailable: the tier did not answer; it may have kept the entry all the same.
        """

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        """Remove the selected entries, and tell the displayed keys that left.

        Args:
            selection: which deals.
            before: the generation of the invalidation: entries whose load began when it was known stay. None: all go.

        Raises:
            RedisUnavailable: the tier did not answer; some or all of the selected entries are still there.
        """
