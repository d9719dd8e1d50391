"""The memory tier: entries of this process, bounded by bytes, the least recently used given up first."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from math import inf
from operator import attrgetter
from typing import Any

from cachetools import Cache, TLRUCache

from dealcache.invalidation import Selection
from dealcache.tiers.base import Listing, Usage
from dealcache.tiers.entry import CacheKey, Entry

#: Bytes that an entry costs beside its body: key, entry, the cache's and the indexes' nodes, the allocator's rounding.
#: Measured with 100,000 entries of 10 bytes, see the benchmark's memory section; rounded up.
ENTRY_OVERHEAD = 1600


#: Stands in a slot that has left the tier: never fresh, and no memory is held by whoever still knows the slot.
GONE = Entry(404, b"", "", -inf, -inf, -inf, None, None)


class Slot:
    """An entry's place in the tier.

    Who has the slot may look at it again and again without asking the tier: ``entry`` is :data:`GONE` from the moment
    at which the tier let it go. What was derived from the entry may be kept in ``derived``; it goes with the entry.
    """

    __slots__ = ("derived", "entry", "hits", "size")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.derived: object = None
        self.hits = 0
        self.size = len(entry.body) + ENTRY_OVERHEAD

    def clear(self) -> None:
        """Hold nothing any more."""
        self.entry = GONE
        self.derived = None


class _Store(TLRUCache[CacheKey, Slot]):
    """A TLRUCache that tells which slots leave it by themselves, so that the indexes can follow."""

    def __init__(self, max_bytes: int, clock: Callable[[], float], removed: Callable[[CacheKey, Slot], None]) -> None:
        super().__init__(
            maxsize=max_bytes,
            ttu=lambda _key, slot, _now: slot.entry.keep_until,
            timer=clock,
            getsizeof=lambda slot: slot.size,
        )
        self._removed = removed
        self.evictions = 0

    def expire(self, time: float | None = None) -> Any:
        gone = list(super().expire(time))
        for key, slot in gone:
            self._removed(key, slot)
        return gone

    def popitem(self) -> tuple[CacheKey, Slot]:
        key, slot = super().popitem()
        self._removed(key, slot)
        self.evictions += 1
        return key, slot

    def peek(self, key: CacheKey) -> Slot | None:
        """The slot under ``key``, also past its time, read past TLRUCache: it does not count as using it."""
        try:
            return Cache.__getitem__(self, key)
        except KeyError:
            return None

    def snapshot(self) -> tuple[list[CacheKey], list[Slot]]:
        """All keys and their slots, read past TLRUCache so that looking at the cache does not count as using it.

        Two lists, because as many pairs would be as many objects for the garbage collector to look at.
        """
        keys = list(self)
        return keys, [Cache.__getitem__(self, key) for key in keys]


class MemoryTier:
    """Keeps entries in this process, under one lock.

    Args:
        max_bytes: the bound on the sum of all bodies and of :data:`ENTRY_OVERHEAD` for each entry.
        clock: the wall clock in epoch seconds, because ages are shared with other processes.
        on_change: called with the usage after each change, outside of the hot path, for gauges.
    """

    name = "memory"

    def __init__(
        self,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
        on_change: Callable[[Usage], None] = lambda _usage: None,
    ) -> None:
        self._lock = threading.Lock()
        self._store = _Store(max_bytes, clock, self._unindex)
        self._by_deal: defaultdict[str, set[CacheKey]] = defaultdict(set)
        self._by_name: defaultdict[str, set[CacheKey]] = defaultdict(set)
        self._on_change = on_change

    def get(self, key: CacheKey) -> Entry | None:
        with self._lock:
            try:
                return self._store[key].entry
            except KeyError:
                return None

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        with self._lock:
            slots = {key: self._store.get(key) for key in keys}
        return {key: slot.entry for key, slot in slots.items() if slot is not None}

    def slot(self, key: CacheKey) -> Slot | None:
        """The slot under ``key``, fresh or not, or None. Takes no lock, for those who may never wait for one."""
        return self._store.peek(key)

    def record_hit(self, key: CacheKey, count: int = 1) -> None:
        """Count that the entry under ``key`` was served; nothing happens when it has gone meanwhile."""
        with self._lock:
            try:
                self._store[key].hits += count
            except KeyError:
                return

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        with self._lock, self._store.timer:  # time stands still, or an entry could expire between two looks at it
            kept = permit() and self._keep(key, entry)
            usage = self._usage()
        self._on_change(usage)
        return kept

    def _keep(self, key: CacheKey, entry: Entry) -> bool:
        slot = Slot(entry)
        old = self._store.get(key)
        if old is not None:
            if old.entry.fetched_at > entry.fetched_at:
                return False
            slot.hits = old.hits
            self._discard(key)
        if slot.size > self._store.maxsize:
            return False
        self._store[key] = slot
        if key not in self._store:
            return False
        for index, value in self._places(key, entry):
            index[value].add(key)
        return True

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        with self._lock, self._store.timer:
            self._store.expire()
            selected = self._store if selection.everything else self._select(selection)
            chosen = [key for key in selected if before is None or self._store[key].entry.generation < before]
            cleared = {self._store[key].entry.displayed_key(key) for key in chosen}
            for key in chosen:
                self._discard(key)
            usage = self._usage()
        self._on_change(usage)
        return cleared

    def _select(self, selection: Selection) -> Iterable[CacheKey]:
        """The keys of the selected deals; a name also finds what was cached under the ids of its deals."""
        keys: set[CacheKey] = set()
        for name in selection.name_keys:
            keys |= self._by_name.get(name, set())
        ids = {self._store[key].entry.deal_id for key in keys} | selection.deal_ids
        for deal_id in ids:
            if deal_id is not None:
                keys |= self._by_deal.get(deal_id, set())
        return keys

    def sweep(self) -> None:
        """Give back the memory of entries past their ``keep_until``."""
        with self._lock:
            self._store.expire()
            usage = self._usage()
        self._on_change(usage)

    def listing(self) -> list[Listing]:
        """All displayed keys, most recently fetched first."""
        with self._lock:
            keys, slots = self._store.snapshot()
            entries = [slot.entry for slot in slots]  # a slot may be cleared as soon as the lock is given back
        merged: dict[str, Listing] = {}
        for key, slot, entry in zip(keys, slots, entries, strict=True):
            shown = entry.displayed_key(key)
            row = Listing(shown, entry.fetched_at, entry.expires_at, slot.size, slot.hits)
            other = merged.get(shown)
            merged[shown] = row if other is None else _merge(row, other)
        return sorted(merged.values(), key=attrgetter("fetched_at"), reverse=True)

    def usage(self) -> Usage:
        """How full the tier is now."""
        with self._lock:
            self._store.expire()
            return self._usage()

    def _usage(self) -> Usage:
        store = self._store
        return Usage(len(store), int(store.currsize), int(store.maxsize), store.evictions)

    def _discard(self, key: CacheKey) -> None:
        slot = self._store.pop(key)
        self._unindex(key, slot)

    def _unindex(self, key: CacheKey, slot: Slot) -> None:
        for index, value in self._places(key, slot.entry):
            keys = index.get(value)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del index[value]
        slot.clear()

    def _places(self, key: CacheKey, entry: Entry) -> Iterable[tuple[defaultdict[str, set[CacheKey]], str]]:
        if entry.deal_id is not None:
            yield self._by_deal, entry.deal_id
        name = entry.name_key(key)
        if name is not None:
            yield self._by_name, name


def _merge(row: Listing, other: Listing) -> Listing:
    """One row for two entries that are shown under the same key: the youngest one's times, sizes and hits added."""
    newest = max((row.fetched_at, row.expires_at), (other.fetched_at, other.expires_at))
    return Listing(row.key, newest[0], newest[1], row.size_bytes + other.size_bytes, row.hits + other.hits)
