"""The cache tiers of the read path as one: memory, and between it and MongoDB perhaps a tier that workers share.

A value is judged when it comes out: whether its time is over, whether this process is sure enough to trust it, and, for
one that another process may have kept, whether an invalidation came after it. What comes out of the shared tier is kept
in memory too, for what is left of its time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from dealcache.deals import DealKey
from dealcache.invalidation import Selection
from dealcache.reader.answer import Journey, Outcome, TierName
from dealcache.reader.fence import Fence, Token
from dealcache.reader.policy import Verdict, decide, is_fresh
from dealcache.reader.trust import Trust
from dealcache.redis_errors import RedisUnavailable
from dealcache.tiers import CacheKey, Entry, MemoryTier, Slot, Tier

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What the cache tiers have: a value and the tier that it came from, good to serve unless ``stale``."""

    entry: Entry
    tier: TierName
    stale: bool


class TieredCache:
    """Looks values up, and keeps them.

    Args:
        memory: the memory tier.
        shared: the tier that workers share; None when there is none.
        fence: knows what was invalidated.
        trust: knows whether this process hears of invalidations.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        memory: MemoryTier,
        shared: Tier | None,
        fence: Fence,
        trust: Trust,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._memory = memory
        self._shared = shared
        self._fence = fence
        self._trust = trust
        self._clock = clock

    def hit(self, key: CacheKey) -> Entry | None:
        """The fresh value that memory holds, counted as served, or None; a remembered 404 is none."""
        entry = self._memory.get(key)
        if entry is None or not self.is_good(entry, self._clock()):
            return None
        self._memory.record_hit(key)
        return entry

    def slot(self, key: CacheKey) -> Slot | None:
        """The place of memory's value under ``key``, whatever it is good for, without waiting for a lock; or None."""
        return self._memory.slot(key)

    def is_good(self, entry: Entry, now: float) -> bool:
        """Whether :meth:`hit` would give this value of memory ``now``, epoch seconds."""
        return entry.status == 200 and is_fresh(entry, now, self._trust.floor())

    def look(self, key: CacheKey, journey: Journey) -> Found | None:
        """What the tiers hold under ``key``, with a step of ``journey`` for each tier that was asked.

        Returns:
            A fresh value, counted as served; else one of memory that may serve when every tier below fails; else None.
        """
        kept = self._memory.get(key)
        verdict = self._judged(kept)
        if kept is not None and verdict is Verdict.FRESH:
            self._memory.record_hit(key)
            journey.step("memory", Outcome.HIT)
            return Found(kept, "memory", stale=False)
        stale = kept if verdict is Verdict.STALE else None
        journey.step("memory", self._why_not(stale))
        fresh = self._look_shared([key], journey).get(key)
        if fresh is not None:
            return Found(fresh, "redis", stale=False)
        return None if stale is None else Found(stale, "memory", stale=True)

    def look_many(self, keys: Iterable[CacheKey], journey: Journey) -> dict[CacheKey, Found]:
        """What :meth:`look` tells, for many keys, with one round trip to each tier."""
        wanted = list(dict.fromkeys(keys))
        kept = self._memory.get_many(wanted)
        verdicts = {key: self._judged(entry) for key, entry in kept.items()}
        found = {
            key: Found(entry, "memory", stale=verdicts[key] is Verdict.STALE)
            for key, entry in kept.items()
            if verdicts[key] is not Verdict.GONE
        }
        missing = [key for key in wanted if key not in found or found[key].stale]
        for key in found.keys() - set(missing):
            self._memory.record_hit(key)
        journey.step("memory", Outcome.MISS if missing else Outcome.HIT)
        if missing:
            shared = self._look_shared(missing, journey)
            found |= {key: Found(entry, "redis", stale=False) for key, entry in shared.items()}
        return found

    def kept(self, key: CacheKey) -> Found | None:
        """What memory holds now, fresh or stale: the last resort when every tier below has failed."""
        entry = self._memory.get(key)
        verdict = self._judged(entry)
        if entry is None or verdict is Verdict.GONE:
            return None
        return Found(entry, "memory", stale=verdict is Verdict.STALE)

    def fresh(self, key: CacheKey) -> Entry | None:
        """What memory holds now if it is fresh, a remembered 404 included; not counted as served."""
        found = self.kept(key)
        return None if found is None or found.stale else found.entry

    def served(self, key: CacheKey, count: int = 1) -> None:
        """Count that memory's value under ``key`` was served."""
        self._memory.record_hit(key, count)

    def token(self) -> Token:
        """What a load takes with it when it starts, to be given to :meth:`keep`."""
        return self._fence.token()

    def last_invalidation(self, key: DealKey) -> int:
        """The generation of the last invalidation of a deal, as far as that is known here."""
        return self._fence.last_of(key)

    def keep(self, key: CacheKey, entry: Entry, token: Token) -> None:
        """Keep what a load that started with ``token`` brought, unless its deal was invalidated since."""
        marked = replace(entry, generation=token.generation)
        kept = self._memory.put(key, marked, lambda: self._fence.permits(token, key, marked))
        if self._shared is not None and kept and self._fence.trusts(key, marked):
            try:
                self._shared.put(key, marked, lambda: self._fence.permits(token, key, marked))
            except RedisUnavailable as failure:
                log.debug("a value is kept in memory alone: %s", failure)

    def permits(self, key: CacheKey, entry: Entry, token: Token) -> bool:
        """Whether :meth:`keep` would keep this now."""
        return self._fence.permits(token, key, entry)

    def forget(self, selection: Selection, before: int | None) -> set[str]:
        """Let memory go what is older than the invalidation of generation ``before``; the displayed keys that left."""
        return self._memory.invalidate(selection, before)

    def doubt(self) -> None:
        """Trust nothing that memory holds now; it may still serve when every tier below fails."""
        self._trust.doubt()

    def forget_shared(self, selection: Selection, before: int | None) -> set[str]:
        """Let the shared tier go the same.

        It gives memory back, no more: every process refuses such a value by its generation, wherever it is kept. So
        nothing is lost when the tier cannot be reached.
        """
        if self._shared is None:
            return set()
        try:
            return self._shared.invalidate(selection, before)
        except RedisUnavailable as failure:
            log.warning("values that are served no more stay in Redis for what is left of their time: %s", failure)
            return set()

    def _judged(self, entry: Entry | None) -> Verdict:
        verdict = decide(entry, self._clock(), self._trust.floor())
        # "No such deal" is never served past its time, whatever fails.
        return Verdict.GONE if verdict is Verdict.STALE and entry is not None and entry.status != 200 else verdict

    def _why_not(self, stale: Entry | None) -> Outcome:
        if stale is None:
            return Outcome.MISS
        return Outcome.STALE if self._clock() >= stale.expires_at else Outcome.UNSURE

    def _look_shared(self, keys: list[CacheKey], journey: Journey) -> dict[CacheKey, Entry]:
        """The good ones of the shared tier's values, which memory keeps from now on."""
        if self._shared is None:
            return {}
        try:
            entries = self._shared.get_many(keys)
        except RedisUnavailable as failure:
            log.debug("Redis was left out: %s", failure)
            journey.step("redis", Outcome.ERROR)
            return {}
        good = {key: entry for key, entry in entries.items() if self._promote(key, entry)}
        journey.step("redis", Outcome.HIT if good else Outcome.MISS)
        return good

    def _promote(self, key: CacheKey, entry: Entry) -> bool:
        """Whether a value of the shared tier is good; if it is, memory has it now."""
        if self._judged(entry) is not Verdict.FRESH or not self._fence.trusts(key, entry):
            return False
        self._memory.put(key, entry, lambda: self._fence.trusts(key, entry))
        self._memory.record_hit(key)
        return True
