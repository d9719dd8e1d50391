"""The state of a process's read path: cache tiers, fence and loads in progress; and how invalidations change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dealcache.model.deals import DealKey, name_key
from dealcache.model.invalidation import Changes, Selection
from dealcache.reader.fence import Token
from dealcache.reader.single_flight import SingleFlight
from dealcache.reader.tiered_cache import TieredCache
from dealcache.tiers import Entry, View

#: The three views of a deal, which one load from HubSpot provides.
Loaded = dict[View, Entry]


@dataclass(frozen=True, slots=True)
class Applied:
    """The effect of an invalidation in this process.

    Args:
        cleared: the displayed keys removed from memory.
        token: the token with which the load on whose behalf it was made may store its value; None if it may not, or
            there was no such load.
        generation: its position in the invalidation log; None if it could not be recorded yet.
    """

    cleared: frozenset[str]
    token: Token | None = None
    generation: int | None = None

    @property
    def everywhere(self) -> bool:
        """True if every other worker will know of it within a second."""
        return self.generation is not None


#: Invalidates the selected deals, and returns once that holds here and is recorded for all other processes; if it
#: cannot be recorded, it still holds here, and is recorded as soon as possible. Takes the views that really changed
#: (None for a clear, where nothing did), and the token of a load with the new value of the deals.
Publish = Callable[[Selection, Changes | None, Token | None], Applied]


class ReaderState:
    """The cache tiers with their fence, and the loads in progress.

    Args:
        cache: the cache tiers.
        on_wait: called each time that a thread begins to wait for another thread's load, for metrics.
        renew_labels: called first when labels changed, so that any load that begins later sees the new ones.
    """

    def __init__(
        self,
        cache: TieredCache,
        on_wait: Callable[[], None] = lambda: None,
        renew_labels: Callable[[], None] = lambda: None,
    ) -> None:
        self.cache = cache
        self._renew_labels = renew_labels
        #: MongoDB's entry of a view, or the ids of the deals of its name that it knows without their activities.
        self.mongodb_flights: SingleFlight[tuple[DealKey, View], Entry | tuple[str, ...]] = SingleFlight(on_wait)
        #: Loads from HubSpot: of what no tier has, and those that bypass the tiers.
        self.fetches: SingleFlight[DealKey, Loaded] = SingleFlight(on_wait)
        self.refreshes: SingleFlight[DealKey, Loaded] = SingleFlight(on_wait)

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
        if labels:
            self._renew_labels()
        token = self.cache.fence.move(selection, generation, claim)
        self._detach(Selection.all() if labels else selection)
        if doubt:
            self.cache.doubt()
            return Applied(frozenset(), token, generation)
        return Applied(frozenset(self.cache.forget(selection, generation)), token, generation)

    def restart(self, generation: int) -> None:
        """Forget everything, in the shared tier too: the invalidation log was replaced, now at ``generation``."""
        self._renew_labels()
        self.cache.fence.restart(generation)
        self._detach(Selection.all())
        self.cache.forget(Selection.all(), None)
        self.cache.forget_shared(Selection.all(), None)

    def _detach(self, selection: Selection) -> None:
        self.mongodb_flights.detach(lambda key: _concerns(selection, key[0]))
        for flights in (self.fetches, self.refreshes):
            flights.detach(lambda key: _concerns(selection, key))


def _concerns(selection: Selection, key: DealKey) -> bool:
    """Return True if a load in progress may return a selected deal.

    A load by id of an unknown name, or by name of an unknown id, may: that is only known when it ends.
    """
    if selection.everything:
        return True
    if key.by == "id":
        return key.value in selection.deal_ids or not selection.deal_ids
    return name_key(key.value) in selection.name_keys or not selection.name_keys
