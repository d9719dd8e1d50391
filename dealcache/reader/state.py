"""What a process keeps between reads, and how an invalidation changes it."""

from __future__ import annotations

from collections.abc import Callable

from dealcache.deals import DealKey, name_key
from dealcache.invalidation import Selection
from dealcache.reader.fence import Fence, Token
from dealcache.reader.flight import SingleFlight
from dealcache.reader.journal import Applied
from dealcache.reader.tiered_cache import TieredCache
from dealcache.tiers import CacheKey, Entry, View

#: The three views of a deal, as one load from HubSpot brings them.
Loaded = dict[View, Entry]


class ReaderState:
    """The cache tiers, the fence around them, and the loads that are under way.

    Args:
        cache: the cache tiers.
        fence: the fence that they use.
        on_wait: called each time that a thread begins to wait for another one's load, for metrics.
    """

    def __init__(self, cache: TieredCache, fence: Fence, on_wait: Callable[[], None] = lambda: None) -> None:
        self.cache = cache
        self._fence = fence
        self.mongodb_flights: SingleFlight[CacheKey, Entry | None] = SingleFlight(on_wait)
        #: By deal, and whether the load goes past what the tiers hold.
        self.hubspot_flights: SingleFlight[tuple[DealKey, bool], Loaded] = SingleFlight(on_wait)

    def begin(self, oldest: int) -> None:
        """From now on the record of all invalidations is known here, back to the generation ``oldest``."""
        self._fence.begin(oldest)

    def apply(
        self, selection: Selection, generation: int | None, claim: Token | None = None, *, doubt: bool = False
    ) -> Applied:
        """Forget the selected deals: after this returns, nothing serves that was read before it was called.

        Loads that are under way keep their readers, who asked before, but store nothing and take no new readers.

        Args:
            selection: which deals.
            generation: the invalidation's place in the record of all, None when it has none.
            claim: the token of a load that brings the new value of the selected deals.
            doubt: memory keeps what it has, but serves it only when every tier below fails.
        """
        token = self._fence.move(selection, generation, claim)
        self._detach(selection)
        if doubt:
            self.cache.doubt()
            return Applied(frozenset(), token, generation)
        return Applied(frozenset(self.cache.forget(selection, generation)), token, generation)

    def restart(self, generation: int) -> None:
        """Forget everything, in the shared tier too: the record of all is another one, at ``generation`` now."""
        self._fence.restart(generation)
        self._detach(Selection.all())
        self.cache.forget(Selection.all(), None)
        self.cache.forget_shared(Selection.all(), None)

    def _detach(self, selection: Selection) -> None:
        self.mongodb_flights.detach(lambda key: _concerns(selection, DealKey(key.by, key.value)))
        self.hubspot_flights.detach(lambda key: _concerns(selection, key[0]))


def _concerns(selection: Selection, key: DealKey) -> bool:
    """Whether a load under way may bring a selected deal.

    A load by id of an unknown name, or by name of an unknown id, may: it is only known when it ends.
    """
    if selection.everything:
        return True
    if key.by == "id":
        return key.value in selection.deal_ids or not selection.deal_ids
    return name_key(key.value) in selection.name_keys or not selection.name_keys
