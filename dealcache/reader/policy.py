"""Stale-if-error: whether an entry is fresh, stale but usable after an error, or gone; and when to stop trying.

:func:`decide` is pure: it judges by times alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from cachetools import LRUCache

from dealcache.model.deals import DealKey
from dealcache.tiers import CLOCKS_APART, Entry

#: Seconds for which the tiers below are not asked after they failed and a stale value served.
_RETRY_PAUSE = 10.0

#: The most deals for which failures are remembered; a forgotten one costs one more try.
_REMEMBERED = 10_000


class Verdict(Enum):
    """The use that may be made of an entry."""

    FRESH = "fresh"
    STALE = "stale"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class StalenessPolicy:
    """The times to live, and how long a stale value may serve after that.

    Args:
        ttl: seconds for which a value is fresh.
        stale_if_error: seconds past its time for which it may serve when every tier below fails (RFC 5861, 4).
        negative_ttl: seconds for which "no such deal" is remembered.
        jitter: the share of the time to live by which it may be shortened, so that values which were fetched
            together do not expire together. It only shortens: the configured time is a promise.
    """

    ttl: float
    stale_if_error: float
    negative_ttl: float
    jitter: float = 0.04

    def expires_at(self, status: int, fetched_at: float, chance: float, *, labelled: bool = True) -> float:
        """Return the time until which a value is fresh, epoch seconds.

        Args:
            status: 200 or 404.
            fetched_at: when it was read from MongoDB or HubSpot, epoch seconds.
            chance: a random number of [0, 1) that places that time within the jitter.
            labelled: False if the value shows an id without a label, which may get one in a moment.
        """
        ttl = self.ttl if status == 200 else self.negative_ttl
        ttl = ttl if labelled else min(ttl, self.negative_ttl)
        return fetched_at + ttl * (1.0 - self.jitter * chance)

    def keep_until(self, status: int, expires_at: float) -> float:
        """Return the time until which a value is worth its memory; a 404 is never served past its time."""
        return expires_at + (self.stale_if_error if status == 200 else 0.0)


def decide(entry: Entry | None, now: float, floor: float = float("-inf")) -> Verdict:
    """Judge an entry.

    Args:
        entry: what a cache tier holds, None when it holds nothing.
        now: the present, epoch seconds.
        floor: entries read then or before are not trusted, as if their time were over; see ``InvalidationWatermark``.
    """
    if entry is None or now >= entry.keep_until:
        return Verdict.GONE
    return Verdict.FRESH if is_fresh(entry, now, floor) else Verdict.STALE


def is_fresh(entry: Entry, now: float, floor: float) -> bool:
    """Return True if :func:`decide` finds an entry fresh: a cheaper check for callers that only need that.

    An entry read in the future is not: a clock has been set back since, and its age is unknown.
    """
    return now < entry.expires_at and floor < entry.fetched_at <= now + CLOCKS_APART


class FailSafeThrottle:
    """Remembers the deals for which the tiers below failed and a stale value served. Thread-safe.

    Further reads of such a deal get the stale value at once; after each pause exactly one read tries again, while the
    others still get the stale value.

    Args:
        clock: a clock in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next_try: LRUCache[DealKey, float] = LRUCache(_REMEMBERED)

    def should_serve_stale(self, key: DealKey) -> bool:
        """Return True if a read should take the stale value; after a pause one caller gets False, and tries."""
        with self._lock:
            next_try = self._next_try.get(key)
            if next_try is None:
                return False
            if self._clock() < next_try:
                return True
            self._next_try[key] = self._clock() + _RETRY_PAUSE
            return False

    def failed(self, key: DealKey) -> None:
        """Note that the tiers below failed for ``key``: they are not asked for a pause."""
        with self._lock:
            self._next_try[key] = self._clock() + _RETRY_PAUSE

    def succeeded(self, key: DealKey) -> None:
        """Note that the tiers below answered for ``key``."""
        with self._lock:
            self._next_try.pop(key, None)
