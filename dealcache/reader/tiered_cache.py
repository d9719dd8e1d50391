"""The cache tiers of the read path as one, how invalidations change them, and the loads that are to fill them.

The tiers are memory and, if there is one, the tier that workers share. A value is judged when it is looked up: whether
its time is over, whether this process can trust it, and, for one that another process may have kept, whether an
invalidation came after it. A value from the shared tier is kept in memory too, for the rest of its time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from dealcache.model.deals import DealKey, name_key
from dealcache.model.invalidation import Selection
from dealcache.model.workers import RedisUnavailable
from dealcache.reader.answers import Found, Loaded, ReadTrace, TierOutcome
from dealcache.reader.fence import Applied, Fence, Token
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.policy import Verdict, decide, is_fresh
from dealcache.reader.single_flight import SingleFlight
from dealcache.tiers import CacheKey, Entry, MemoryTier, Slot, View

if TYPE_CHECKING:  # redis-py is installed only where it is used
    from dealcache.tiers.redis import RedisTier

log = logging.getLogger(__name__)


class TieredCache:
    """Looks values up, and keeps them.

    Args:
        memory: the memory tier.
        shared: the tier that workers share; None for none.
        fence: knows what was invalidated.
        watermark: knows whether this process hears of invalidations.
        labels: those with which views are made.
        clock: the wall clock, epoch seconds.
        on_wait: called each time that a thread begins to wait for another thread's load, for metrics.
    """

    def __init__(
        self,
        memory: MemoryTier,
        shared: RedisTier | None,
        fence: Fence,
        watermark: InvalidationWatermark,
        labels: LabelDirectory,
        clock: Callable[[], float] = time.time,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self._memory = memory
        self._shared = shared
        self.fence = fence
        self._watermark = watermark
        self._labels = labels
        self._clock = clock
        #: MongoDB's entry of a view, or the ids of the deals of its name that it knows without their activities.
        self.mongodb_flights: SingleFlight[tuple[DealKey, View], Entry | tuple[str, ...]] = SingleFlight(on_wait)
        #: Loads from HubSpot: of what no tier has, and those that bypass the tiers.
        self.fetches: SingleFlight[DealKey, Loaded] = SingleFlight(on_wait)
        self.refreshes: SingleFlight[DealKey, Loaded] = SingleFlight(on_wait)

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
        """Return what memory holds, fresh or stale, a 404 only while it is fresh; not counted as served."""
        return self._judge_kept(self._memory.get(key))

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
        if entry.labels_version not in (None, self._labels.version):
            return False
        return self.fence.permits(token, key, entry)

    def apply(
        self,
        selection: Selection,
        generation: int | None,
        claim: Token | None = None,
        *,
        doubt: bool = False,
        labels: bool = False,
    ) -> Applied:
        """Forget the selected deals: once this returns, nothing read before the call is served.

        Loads in progress keep their readers, who asked before, but store nothing and admit no new readers.

        Args:
            selection: which deals.
            generation: the position in the invalidation log; None if it has none.
            claim: the token of a load with the new value of the selected deals.
            doubt: whether memory keeps its values, but serves them only if every tier below fails.
            labels: whether labels changed, so that no load in progress admits new readers, whatever its deal.
        """
        if labels:  # first, so that any load that begins later sees the new ones
            self._labels.renew()
        token = self.fence.move(selection, generation, claim)
        self._detach(Selection.all() if labels else selection)
        if doubt:
            self._watermark.doubt()
            return Applied(frozenset(), token, generation)
        return Applied(frozenset(self._memory.invalidate(selection, generation)), token, generation)

    def restart(self, generation: int) -> None:
        """Forget everything, in the shared tier too: the invalidation log was replaced, now at ``generation``."""
        self._labels.renew()
        self.fence.restart(generation)
        self._detach(Selection.all())
        self.drop(Selection.all())

    def _detach(self, selection: Selection) -> None:
        self.mongodb_flights.detach(lambda key: _concerns(selection, key[0]))
        for flights in (self.fetches, self.refreshes):
            flights.detach(lambda key: _concerns(selection, key))

    def drop(self, selection: Selection) -> None:
        """Remove values that are not wrong, but older than what the tiers below have; no load is refused for it."""
        self._memory.invalidate(selection)
        self.forget_shared(selection, None)

    def forget_shared(self, selection: Selection, before: int | None) -> set[str]:
        """Remove what is older than invalidation ``before`` from the shared tier, and return the displayed keys.

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

    def _judge_kept(self, entry: Entry | None) -> Found | None:
        verdict = decide(entry, self._clock(), self._watermark.floor())
        # "No such deal" is never served past its time, whatever fails.
        if entry is None or verdict is Verdict.GONE or (verdict is Verdict.STALE and entry.status != 200):
            return None
        return Found(entry, "memory", verdict is Verdict.STALE)

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
        if not is_fresh(entry, self._clock(), self._watermark.floor()) or not self.fence.trusts(key, entry):
            return False
        self._memory.put(key, entry, lambda: self.fence.trusts(key, entry))
        self._memory.record_hit(key)
        return True


def _concerns(selection: Selection, key: DealKey) -> bool:
    """Return True if a load in progress may return a selected deal.

    A load by id of an unknown name, or by name of an unknown id, may: that is only known when it ends.
    """
    if selection.everything:
        return True
    if key.by == "id":
        return key.value in selection.deal_ids or not selection.deal_ids
    return name_key(key.value) in selection.name_keys or not selection.name_keys
