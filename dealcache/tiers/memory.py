"""The memory tier: entries of this process, bounded by bytes, the least recently used evicted first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from dealcache.model.invalidation import Selection
from dealcache.tiers.entry import CLOCKS_APART, CacheKey, Entry
from dealcache.tiers.slots import Slot, SlotIndex, SlotStore

#: Entries to read at once for statistics: some hundred microseconds.
_PART = 500


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


class MemoryTier:
    """Keeps entries in this process, under one lock. Thread-safe.

    A tier never decides whether an entry may serve, which is up to the read path: it keeps entries until their
    ``keep_until``. One suite of tests holds this tier and the Redis tier to the same promises.

    Args:
        max_bytes: the bound on the sum of what all entries are counted with, see :attr:`Slot.size`.
        clock: the wall clock in epoch seconds, because ages are shared with other processes.
        on_change: called with the usage after each change, outside of the hot path, for gauges.
    """

    def __init__(
        self,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
        on_change: Callable[[Usage], None] = lambda _usage: None,
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._store = SlotStore()
        self._evictions = 0
        self._by_deal = SlotIndex[str]()
        # By the hash of the name in the form of ``name_key``: that form is a string of its own for nearly every deal.
        self._by_name = SlotIndex[int]()

    def get(self, key: CacheKey) -> Entry | None:
        """Return the entry under ``key``, fresh or stale, or None."""
        with self._lock:
            return self._get(key, self._clock())

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        """Return the entries of those ``keys`` that have one."""
        with self._lock:
            now = self._clock()
            found = {key: self._get(key, now) for key in keys}
        return {key: entry for key, entry in found.items() if entry is not None}

    def _get(self, key: CacheKey, now: float) -> Entry | None:
        slot = self._store.peek(key)
        if slot is None or slot.keep_until <= now:
            return None
        self._store.use(slot)
        return slot.entry

    def slot(self, key: CacheKey) -> Slot | None:
        """Return the slot under ``key``, fresh or not, or None; takes no lock."""
        return self._store.peek(key)

    def record_hit(self, key: CacheKey, count: int = 1) -> None:
        """Count hits of the entry under ``key``, if it is still there."""
        with self._lock:
            slot = self._store.peek(key)
            if slot is not None:
                slot.hits += count
                self._store.use(slot)

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        """Keep ``entry`` if ``permit()`` is True and nothing newer is there; return True if it was kept.

        ``permit`` must return False before an invalidation begins that concerns the entry: no invalidation runs between
        its answer and the keeping.
        """
        with self._lock:
            now = self._clock()
            self._expire(now)
            kept = permit() and self._keep(key, entry, now)
            usage = self._usage()
        self._on_change(usage)
        return kept

    def _keep(self, key: CacheKey, entry: Entry, now: float) -> bool:
        slot = Slot(key, self._sharing_strings(entry))
        old = self._store.peek(key)
        if old is not None and entry.fetched_at < old.entry.fetched_at <= now + CLOCKS_APART:
            return False
        kept = slot.size <= self._max_bytes and entry.keep_until > now
        # The new one first: a dictionary whose keys are removed and added again grows to twice its size.
        if kept:
            if old is not None:
                slot.take_over(old)
            self._store.add(slot)
            self._index(slot, SlotIndex.add)
        if old is not None:
            self._discard(old)
        while self._store.size_bytes > self._max_bytes:
            self._discard(self._store.oldest())
            self._evictions += 1
        return kept

    def _sharing_strings(self, entry: Entry) -> Entry:
        """Return ``entry`` with the id and the name of a kept one of its deal, so that they are in memory once."""
        for slot in () if entry.deal_id is None else self._by_deal.get(entry.deal_id):
            if slot.entry.deal_name == entry.deal_name:
                return replace(entry, deal_id=slot.entry.deal_id, deal_name=slot.entry.deal_name)
        return entry

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        """Remove the selected entries and return their displayed keys.

        Args:
            selection: the deals.
            before: the generation of the invalidation; entries whose load began when it was already known stay. None
                for all.
        """
        with self._lock:
            self._expire(self._clock())
            selected = list(self._store) if selection.everything else self._select(selection)
            chosen = [slot for slot in selected if before is None or slot.entry.generation < before]
            cleared = {slot.entry.displayed_key(slot.key) for slot in chosen}
            for slot in chosen:
                self._discard(slot)
            usage = self._usage()
        self._on_change(usage)
        return cleared

    def _select(self, selection: Selection) -> Collection[Slot]:
        """Return the slots of the selected deals; a name also selects entries under the ids of its deals."""
        slots = {
            slot
            for name in selection.name_keys
            for slot in self._by_name.get(hash(name))
            if slot.entry.name_key(slot.key) == name
        }
        ids = {slot.entry.deal_id for slot in slots} | selection.deal_ids
        for deal_id in ids:
            if deal_id is not None:
                slots.update(self._by_deal.get(deal_id))
        return slots

    def sweep(self) -> None:
        """Remove entries past their ``keep_until``."""
        self._on_change(self.usage())

    def columns(self) -> Iterator[Columns]:
        """Yield all entries in parts, the most recently used first.

        The lock and the interpreter are released in between, so that no thread waits long for either.
        """
        with self._lock:
            now = self._clock()
            slots = [slot for slot in self._store if slot.keep_until > now]
        for start in range(0, len(slots), _PART):
            with self._lock:
                # A slot may be cleared as soon as the lock is released.
                rows = [
                    (key, slot.entry, slot.size, slot.hits)
                    for key in (slot.key for slot in slots[start : start + _PART])
                    if (slot := self._store.peek(key)) is not None
                ]
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
        """Return the present size of the tier, without entries past their ``keep_until``, which are removed."""
        with self._lock:
            self._expire(self._clock())
            return self._usage()

    def _usage(self) -> Usage:
        return Usage(len(self._store), self._store.size_bytes, self._max_bytes, self._evictions)

    def _expire(self, now: float) -> None:
        for slot in self._store.expired(now):
            self._discard(slot)

    def _discard(self, slot: Slot) -> None:
        self._store.remove(slot)
        self._index(slot, SlotIndex.remove)
        slot.clear()

    def _index(self, slot: Slot, change: Callable[..., None]) -> None:
        """Add a slot to the indexes, or remove it from them."""
        entry = slot.entry
        if entry.deal_id is not None:
            change(self._by_deal, entry.deal_id, slot)
        name = entry.name_key(slot.key)
        if name is not None:
            change(self._by_name, hash(name), slot)
