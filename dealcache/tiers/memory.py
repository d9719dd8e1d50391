"""The memory tier: entries of this process, bounded by bytes, the least recently used evicted first."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Any

from cachetools import Cache, TLRUCache

from dealcache.model.invalidation import Selection
from dealcache.tiers.base import Columns, Usage
from dealcache.tiers.entry import CLOCKS_APART, CacheKey, Entry

#: Bytes that an entry costs beside its body: key, entry, the cache's and the indexes' nodes, the allocator's rounding.
#: Measured with 100,000 entries of 10 bytes, see the benchmark's memory section; rounded up.
ENTRY_OVERHEAD = 1600

#: Entries to read at once for statistics: some hundred microseconds.
_PART = 500

#: The entry of a slot that was removed from the tier: never fresh, and without a body.
GONE = Entry(404, b"", "", -inf, -inf, -inf, None, None)


class Slot:
    """An entry's place in the tier.

    A caller may keep the slot and read it again without asking the tier: ``entry`` is :data:`GONE` once it was removed.
    Values derived from the entry may be kept in ``derived``; they are removed with it.
    """

    __slots__ = ("derived", "entry", "hits", "size")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.derived: object = None
        self.hits = 0
        self.size = len(entry.body) + ENTRY_OVERHEAD

    def clear(self) -> None:
        """Remove the entry from the slot."""
        self.entry = GONE
        self.derived = None


class _Store(TLRUCache[CacheKey, Slot]):
    """A TLRUCache that reports evicted and expired slots, so that the indexes can follow."""

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
        """Return the slot under ``key``, expired or not; that does not count as a use."""
        try:
            return Cache.__getitem__(self, key)
        except KeyError:
            return None


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
        """Return the slot under ``key``, fresh or not, or None; takes no lock."""
        return self._store.peek(key)

    def record_hit(self, key: CacheKey, count: int = 1) -> None:
        """Count hits of the entry under ``key``, if it is still there."""
        with self._lock:
            try:
                self._store[key].hits += count
            except KeyError:
                return

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        with self._lock, self._store.timer:  # time stands still here, or an entry could expire between two looks at it
            kept = permit() and self._keep(key, entry)
            usage = self._usage()
        self._on_change(usage)
        return kept

    def _keep(self, key: CacheKey, entry: Entry) -> bool:
        slot = Slot(entry)
        old = self._store.get(key)
        if old is not None:
            if entry.fetched_at < old.entry.fetched_at <= self._store.timer() + CLOCKS_APART:
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
        """Return the keys of the selected deals; a name also selects entries under the ids of its deals."""
        keys: set[CacheKey] = set()
        for name in selection.name_keys:
            keys |= self._by_name.get(name, set())
        ids = {self._store[key].entry.deal_id for key in keys} | selection.deal_ids
        for deal_id in ids:
            if deal_id is not None:
                keys |= self._by_deal.get(deal_id, set())
        return keys

    def sweep(self) -> None:
        """Remove entries past their ``keep_until``."""
        with self._lock:
            self._store.expire()
            usage = self._usage()
        self._on_change(usage)

    def columns(self) -> Iterator[Columns]:
        """Yield all entries in parts, roughly the youngest first.

        The lock and the interpreter are released in between, so that no thread waits long for either.
        """
        with self._lock:
            keys = list(self._store)[::-1]
        for start in range(0, len(keys), _PART):
            with self._lock:
                slots = [(key, slot) for key in keys[start : start + _PART] if (slot := self._store.peek(key))]
                # A slot may be cleared as soon as the lock is released.
                rows = [(key, slot.entry, slot.size, slot.hits) for key, slot in slots]
            yield Columns(
                [entry.displayed_key(key) for key, entry, _, _ in rows],
                [entry.deal_id for _, entry, _, _ in rows],
                [entry.fetched_at for _, entry, _, _ in rows],
                [entry.expires_at for _, entry, _, _ in rows],
                [size for _, _, size, _ in rows],
                [hits for _, _, _, hits in rows],
            )
            time.sleep(0)

    def usage(self) -> Usage:
        """Return the present size of the tier."""
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
