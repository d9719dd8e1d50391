"""The places of entries in the memory tier, what an entry costs there, and how a place is found; not thread-safe.

Slots are found by their keys, in the order of use, in the order of their end, and by values that they share. A cache of
cachetools would do the same, at 500 bytes for each entry in place of 200: a key object, an item, and a node in three
dictionaries.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from itertools import product
from math import inf
from sys import getsizeof
from typing import Generic, TypeVar, get_args

from dealcache.model.deals import Naming
from dealcache.tiers.entry import CacheKey, Entry, View

Value = TypeVar("Value")

#: Bytes that an entry costs beside its body and its names: slot, entry, times, tag, places in the store and the
#: indexes, the allocator's rounding. Measured with 100,000 entries of 10 bytes, each of another deal, see the
#: benchmark's section ``footprint``; rounded up.
ENTRY_OVERHEAD = 816

#: The kinds of keys: the view, and how its deal is named. Slots share these, as a tuple of its own takes 56 bytes.
_KINDS: dict[tuple[View, Naming], tuple[View, Naming]] = {kind: kind for kind in product(View, get_args(Naming))}

#: The entry of a slot that was removed from the tier: never fresh, and without a body.
GONE = Entry(404, b"", "", -inf, -inf, -inf, None, None)

#: The heap is cleaned up when it is longer than the slots times this: removed slots stay in it until then.
_MOST_IN_HEAP = 1.1


class Slot:
    """An entry's place in the tier.

    A caller may keep the slot and read it again without asking the tier: ``entry`` is :data:`GONE` once it was removed.
    Values derived from the entry may be kept in ``derived``; they are removed with it. The tier holds hundreds of
    thousands of slots, so the parts of the key stand in the slot itself, and its neighbours in the order of use too.
    """

    __slots__ = ("derived", "entry", "hits", "keep_until", "kind", "newer", "older", "value")

    #: The neighbours in the order of use, while the slot is in the store.
    older: Slot
    newer: Slot

    def __init__(self, key: CacheKey, entry: Entry) -> None:
        self.kind = _KINDS[key[:2]]
        # Most keys are the deal's own name or id: one string is enough then.
        self.value = next((own for own in (entry.deal_name, entry.deal_id) if own == key.value), key.value)
        self.entry = entry
        self.keep_until = entry.keep_until
        self.derived: object = None
        self.hits = 0

    @property
    def key(self) -> CacheKey:
        """The key of the entry."""
        return CacheKey(*self.kind, self.value)

    @property
    def size(self) -> int:
        """The bytes that the entry is counted with."""
        entry = self.entry
        names = 0 if entry.deal_name is None else getsizeof(entry.deal_name)
        if self.value is not entry.deal_name and self.value is not entry.deal_id:
            names += getsizeof(self.value)
        return ENTRY_OVERHEAD + len(entry.body) + names

    def take_over(self, old: Slot) -> None:
        """Go on with the count of hits and the string of a slot with an equal key, which this one replaces."""
        self.hits, self.value = old.hits, old.value

    def clear(self) -> None:
        """Remove the entry from the slot."""
        self.entry = GONE
        self.derived = None

    def __lt__(self, other: Slot) -> bool:
        return self.keep_until < other.keep_until


class SlotStore:
    """Keeps slots and the sum of their sizes.

    The slots form a ring in the order of use, which begins and ends with a slot that holds nothing: each slot knows its
    neighbours, so that moving or removing one takes no search.
    """

    def __init__(self) -> None:
        self._by_kind = {kind: dict[str, Slot]() for kind in _KINDS}
        self._by_end: list[Slot] = []
        self._ends = Slot(CacheKey(View.INFO, "name", ""), GONE)
        self._ends.older = self._ends.newer = self._ends
        self.size_bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._by_kind.values()))

    def __iter__(self) -> Iterator[Slot]:
        """Iterate over all slots, the most recently used first."""
        slot = self._ends.older
        while slot is not self._ends:
            yield slot
            slot = slot.older

    def peek(self, key: CacheKey) -> Slot | None:
        """Return the slot under ``key``, expired or not; that does not count as a use, and is safe without a lock."""
        view, by, value = key  # faster than a slice
        return self._by_kind[view, by].get(value)

    def add(self, slot: Slot) -> None:
        """Add a slot, as the most recently used; one of the same key, which it hides, is to be removed next."""
        self._by_kind[slot.kind][slot.value] = slot
        self.size_bytes += slot.size
        heapq.heappush(self._by_end, slot)
        self._link(slot)

    def use(self, slot: Slot) -> None:
        """Make a slot the most recently used."""
        self._unlink(slot)
        self._link(slot)

    def remove(self, slot: Slot) -> None:
        """Remove a slot, which still holds its entry."""
        slots = self._by_kind[slot.kind]
        if slots[slot.value] is slot:
            del slots[slot.value]
        self.size_bytes -= slot.size
        self._unlink(slot)
        # A removed slot that is still referenced must not keep others alive.
        del slot.older, slot.newer

    def oldest(self) -> Slot:
        """Return the least recently used slot of a store that is not empty."""
        return self._ends.newer

    def expired(self, now: float) -> Iterator[Slot]:
        """Yield the slots whose ``keep_until`` has come by ``now``; the caller removes and clears each."""
        if len(self._by_end) > len(self) * _MOST_IN_HEAP:
            self._by_end = [slot for slot in self._by_end if slot.entry is not GONE]
            heapq.heapify(self._by_end)
        while self._by_end and (self._by_end[0].entry is GONE or self._by_end[0].keep_until <= now):
            slot = heapq.heappop(self._by_end)
            if slot.entry is not GONE:
                yield slot

    def _link(self, slot: Slot) -> None:
        newest = self._ends.older
        slot.older, slot.newer = newest, self._ends
        newest.newer = self._ends.older = slot

    def _unlink(self, slot: Slot) -> None:
        slot.older.newer = slot.newer
        slot.newer.older = slot.older


class SlotIndex(Generic[Value]):
    """The slots of each value: a set, or the slot itself while there is but one, because a set takes 216 bytes."""

    def __init__(self) -> None:
        self._slots: dict[Value, Slot | set[Slot]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, value: Value, slot: Slot) -> None:
        """Add a slot to those of ``value``."""
        others = self._slots.setdefault(value, slot)
        if isinstance(others, set):
            others.add(slot)
        elif others is not slot:
            self._slots[value] = {others, slot}

    def remove(self, value: Value, slot: Slot) -> None:
        """Remove a slot from those of ``value``."""
        others = self._slots[value]
        if not isinstance(others, set):
            del self._slots[value]
            return
        others.remove(slot)
        if len(others) == 1:
            self._slots[value] = others.pop()

    def get(self, value: Value) -> Collection[Slot]:
        """Return the slots of ``value``, not to be changed."""
        slots = self._slots.get(value, ())
        return (slots,) if isinstance(slots, Slot) else slots
