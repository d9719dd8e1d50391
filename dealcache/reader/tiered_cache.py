"""The cache tiers of the read path as one: memory and, if there is one, the tier that workers share.

A value is judged when it is looked up: whether its time is over, whether this process can trust it, and, for one that
another process may have kept, whether an invalidation came after it. A value from the shared tier is kept in memory
too, for the rest of its time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from dealcache.model.invalidation import Selection
from dealcache.model.workers import RedisUnavailable
from dealcache.reader.answers import Found, ReadTrace, TierOutcome
from dealcache.reader.fence import Fence, Token
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.policy import Verdict, decide, is_fresh
from dealcache.tiers import CacheKey, Entry, MemoryTier, Slot, Tier

log = logging.getLogger(__name__)


class TieredCache:
    """Looks values up, and keeps them.

    Args:
        memory: the memory tier.
        shared: the tier that workers share; None for none.
        fence: knows what was invalidated.
        watermark: knows whether this process hears of invalidations.
        clock: the wall clock, epoch seconds.
        labels_version: returns the version of the present labels; None if it does not matter.
    """

    def __init__(
        self,
        memory: MemoryTier,
        shared: Tier | None,
        fence: Fence,
        watermark: InvalidationWatermark,
        clock: Callable[[], float] = time.time,
        labels_version: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._memory = memory
        self._shared = shared
        self.fence = fence
        self._watermark = watermark
        self._clock = clock
        self._labels_version = labels_version

    def hit(self, key: CacheKey) -> Entry | None:
        """Return memory's fresh value and count it as served; None if there is none, or a remembered 404."""
        slot = self._memory.slot(key)
        if slot is None or not self.is_good(entry := slot.entry, self._clock()):
            return None
        self._memory.record_hit(key)
        return entry

    def slot(self, key: CacheKey) -> Slot | None:
        """Return the slot of memory's value under ``key``, fresh or not, without waiting for a lock; or None."""
        return self._memory.slot(key)

    def is_good(self, entry: Entry, now: float) -> bool:
        """Return True if :meth:`hit` would give this value of memory ``now``, epoch seconds."""
        return entry.status == 200 and is_fresh(entry, now, self._watermark.floor())

    def lookup(self, keys: Collection[CacheKey], trace: ReadTrace) -> dict[CacheKey, Found]:
        """Look up different keys, with one round trip to each tier and a step of ``trace`` for each that was asked.

        Returns:
            Fresh values, counted as served, and those of memory that may serve when every tier below fails.
        """
        found, missing = dict[CacheKey, Found](), list[CacheKey]()
        for key, entry in self._memory.get_many(keys).items():
            if (one := self._judge_kept(entry)) is not None:
                found[key] = one
        for key in keys:
            if key not in found or found[key].stale:
                missing.append(key)
            else:
                self._memory.record_hit(key)
        if not missing:
            trace.step("memory", TierOutcome.HIT)
            return found
        reasons = {self._why_not(found.get(key)) for key in missing}
        trace.step("memory", reasons.pop() if len(reasons) == 1 else TierOutcome.MISS)
        found |= {key: Found(entry, "redis", stale=False) for key, entry in self._lookup_shared(missing, trace).items()}
        return found

    def kept(self, key: CacheKey) -> Found | None:
        """Return what memory holds, fresh or stale: the last resort when every tier below has failed."""
        return self._judge_kept(self._memory.get(key))

    def fresh(self, key: CacheKey) -> Entry | None:
        """Return what memory holds if it is fresh, including a remembered 404; not counted as served."""
        found = self.kept(key)
        return None if found is None or found.stale else found.entry

    def served(self, key: CacheKey, count: int = 1) -> None:
        """Count that memory's value under ``key`` was served."""
        self._memory.record_hit(key, count)

    def keep(self, key: CacheKey, entry: Entry, token: Token) -> None:
        """Keep the value of a load that started with ``token``, unless its deal or a label was invalidated since."""
        marked = replace(entry, generation=token.generation)
        kept = self._memory.put(key, marked, lambda: self.permits(key, marked, token))
        if self._shared is not None and kept and self.fence.trusts(key, marked):
            try:
                self._shared.put(key, marked, lambda: self.permits(key, marked, token))
            except RedisUnavailable as failure:
                log.debug("a value is kept in memory only: %s", failure)

    def permits(self, key: CacheKey, entry: Entry, token: Token) -> bool:
        """Return True if :meth:`keep` would keep this now.

        A view made with earlier labels is refused for any deal: MongoDB was asked which deals show a changed label, but
        may not have had the deal of a load in progress yet.
        """
        if entry.labels_version is not None and self._labels_version() not in (None, entry.labels_version):
            return False
        return self.fence.permits(token, key, entry)

    def forget(self, selection: Selection, before: int | None) -> set[str]:
        """Remove what is older than the invalidation of generation ``before`` from memory; return displayed keys."""
        return self._memory.invalidate(selection, before)

    def doubt(self) -> None:
        """Stop trusting what memory holds; it may still serve if every tier below fails."""
        self._watermark.doubt()

    def forget_shared(self, selection: Selection, before: int | None) -> set[str]:
        """Remove the same from the shared tier.

        This only frees its memory: every process refuses such a value by its generation, wherever it is kept. So
        nothing is lost if the tier cannot be reached.
        """
        if self._shared is None:
            return set()
        try:
            return self._shared.invalidate(selection, before)
        except RedisUnavailable as failure:
            log.warning("invalidated values stay in Redis, unused, until they expire: %s", failure)
            return set()

    def _judged(self, entry: Entry | None) -> Verdict:
        verdict = decide(entry, self._clock(), self._watermark.floor())
        # "No such deal" is never served past its time, whatever fails.
        return Verdict.GONE if verdict is Verdict.STALE and entry is not None and entry.status != 200 else verdict

    def _judge_kept(self, entry: Entry | None) -> Found | None:
        verdict = self._judged(entry)
        return None if entry is None or verdict is Verdict.GONE else Found(entry, "memory", verdict is Verdict.STALE)

    def _why_not(self, stale: Found | None) -> TierOutcome:
        if stale is None:
            return TierOutcome.MISS
        return TierOutcome.STALE if self._clock() >= stale.entry.expires_at else TierOutcome.UNSURE

    def _lookup_shared(self, keys: list[CacheKey], trace: ReadTrace) -> dict[CacheKey, Entry]:
        """Return the good values of the shared tier, and keep them in memory."""
        if self._shared is None:
            return {}
        try:
            entries = self._shared.get_many(keys)
        except RedisUnavailable as failure:
            log.debug("Redis was skipped: %s", failure)
            trace.step("redis", TierOutcome.ERROR)
            return {}
        good = {key: entry for key, entry in entries.items() if self._promote(key, entry)}
        trace.step("redis", TierOutcome.HIT if good else TierOutcome.MISS)
        return good

    def _promote(self, key: CacheKey, entry: Entry) -> bool:
        """Return True if a value of the shared tier is good, and if so keep it in memory."""
        if self._judged(entry) is not Verdict.FRESH or not self.fence.trusts(key, entry):
            return False
        self._memory.put(key, entry, lambda: self.fence.trusts(key, entry))
        self._memory.record_hit(key)
        return True
