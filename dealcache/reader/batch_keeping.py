"""What a load of many deals does to the caches: its values are kept, and what it changed is let go everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from dealcache.deals import DealKey, name_key
from dealcache.invalidation import Selection
from dealcache.reader.fence import Token
from dealcache.reader.hubspot import HubSpotBatch
from dealcache.reader.journal import Journal
from dealcache.reader.state import Loaded
from dealcache.reader.tiered_cache import TieredCache
from dealcache.tiers import CacheKey, View


class BatchKeeper:
    """Keeps what batches brought.

    A deal that somebody invalidates while its batch is being loaded is not kept, as with a single load; the others are.

    Args:
        cache: the cache tiers.
        journal: lets all processes know of changes.
    """

    def __init__(self, cache: TieredCache, journal: Journal) -> None:
        self._cache = cache
        self._journal = journal

    def keep(self, batch: HubSpotBatch, token: Token) -> None:
        """Have all processes let go what the batch changed, and keep what it brought.

        Args:
            batch: what was loaded and stored.
            token: taken before the load began.
        """
        good = {key: loaded for key, loaded in batch.views.items() if self._permits(key, loaded, token)}
        changed = Selection.changed(batch.changes)
        if not batch.stored:
            changed |= _selection_of(batch.views.items())  # nobody knows which of them MongoDB holds as they are
        outdated = changed & _selection_of((key, batch.views[key]) for key in batch.views if key not in good)
        if outdated:
            self._journal.record(outdated, batch.changes)
        ours = changed - outdated
        renewed = self._journal.record(ours, batch.changes, claim=token).token if ours else None
        for key, loaded in good.items():
            # Our own invalidation refuses the old token for what it concerns, and for nothing else.
            concerned = bool(ours & _selection_of([(key, loaded)]))
            self.keep_views(key, loaded, renewed if concerned and renewed else token)

    def keep_views(self, key: DealKey, views: Loaded, token: Token) -> None:
        """Keep what is the same for all processes already; ``token`` was taken before it was read."""
        for view, entry in views.items():
            self._cache.keep(CacheKey.of(view, key), entry, token)

    def _permits(self, key: DealKey, loaded: Loaded, token: Token) -> bool:
        return all(self._cache.permits(CacheKey.of(view, key), entry, token) for view, entry in loaded.items())


def _selection_of(loads: Iterable[tuple[DealKey, Loaded]]) -> Selection:
    """The deals that were loaded, by their ids and by all names that they were asked for and are known under."""
    ids: set[str] = set()
    names: set[str] = set()
    for key, loaded in loads:
        entry = loaded[View.INFO]
        ids.update(filter(None, [entry.deal_id]))
        names.update(name_key(name) for name in (key.value, entry.deal_name) if name)
    return Selection(frozenset(ids), frozenset(names))
