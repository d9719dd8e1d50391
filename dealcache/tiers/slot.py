"""The places of entries in the memory tier, and what an entry costs there."""

from __future__ import annotations

from itertools import product
from math import inf
from sys import getsizeof
from typing import get_args

from dealcache.model.deals import Naming
from dealcache.tiers.entry import CacheKey, Entry, View

#: Bytes that an entry costs beside its body and its names: slot, entry, times, tag, places in the store and the
#: indexes, the allocator's rounding. Measured with 100,000 entries of 10 bytes, each of another deal, see the
#: benchmark's section ``footprint``; rounded up.
ENTRY_OVERHEAD = 816

#: The kinds of keys: the view, and how its deal is named. Slots share these, as a tuple of its own takes 56 bytes.
KINDS: dict[tuple[View, Naming], tuple[View, Naming]] = {kind: kind for kind in product(View, get_args(Naming))}

#: The entry of a slot that was removed from the tier: never fresh, and without a body.
GONE = Entry(404, b"", "", -inf, -inf, -inf, None, None)


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
        self.kind = KINDS[key[:2]]
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
