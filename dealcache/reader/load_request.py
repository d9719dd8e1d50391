"""Load requests: the deals that a thread wants from HubSpot, and how a load changes the caches.

Loaded deals are kept in the cache tiers, and what the load changed is invalidated everywhere. A deal that is
invalidated while it is being loaded is not kept; the others of its request are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from dealcache.hubspot.errors import HubSpotError
from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey, name_key
from dealcache.model.invalidation import Selection
from dealcache.reader.answers import Loaded
from dealcache.reader.bulkhead import Bulkhead, BulkheadFullError
from dealcache.reader.fence import Publish, Token
from dealcache.reader.hubspot import HubSpotLoad, HubSpotSource
from dealcache.reader.mongodb import MongoSource
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories import LoadEnd, StoreError
from dealcache.repositories.load_leases import ENDED_WELL
from dealcache.tiers import CacheKey, View


class RecentlyRefreshedError(Exception):
    """Another process refreshed the deal too recently to fetch it again; MongoDB has it."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The parts that requests work with.

    Args:
        cache: the cache tiers, and the loads in progress.
        publish: invalidates what a load changed, in this process and all others.
        mongodb: reads views from MongoDB.
        hubspot: loads deals from HubSpot.
        loads: bounds the loads in progress in this process. A request counts as one: all its deals together take few
            more calls than one deal.
    """

    cache: TieredCache
    publish: Publish
    mongodb: MongoSource
    hubspot: HubSpotSource
    loads: Bulkhead


class LoadRequest:
    """Deals that no tier has, and their outcomes so far.

    The methods use lease names, by which processes know what is being loaded. Names of deals that differ only in case
    share a lease, because one search finds them all; each is then looked up in MongoDB.

    Args:
        keys: the deals: names, or one key of either kind.
        known_ids: ids that MongoDB knows under them.
        context: the parts to work with.
    """

    #: True if MongoDB's data at the beginning of the load is as good as what the load would fetch.
    look_first = True
    #: True if the labels of owners, stages and pipelines are read again too.
    fresh_labels = False
    #: The beginning of lease names: loads with different ones are no substitute for one another.
    prefix = ""
    #: How long a loaded deal is not loaded again.
    pause = timedelta(0)
    #: The outcomes of a load for which that holds.
    pause_after: frozenset[LoadEnd] = ENDED_WELL

    def __init__(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], context: RequestContext
    ) -> None:
        self._named: defaultdict[str, list[DealKey]] = defaultdict(list)
        for key in keys:
            self._named[self.lease_name(key)].append(key)
        self._known_ids = known_ids
        self._context = context
        self._cache = context.cache
        #: For each finished deal its views, or why there are none.
        self.outcomes: dict[DealKey, Loaded | Exception] = {}
        #: True if this process has loaded and stored them, False if it could not store them, None if it did not load.
        self.stored: bool | None = None

    @classmethod
    def lease_name(cls, key: DealKey) -> str:
        """Return the name of a deal's lease. To a refresh, names that differ only in case may be different deals."""
        return f"{cls.prefix}{key.by}:{name_key(key.value) if cls.look_first else key.value}"

    @property
    def generation(self) -> int:
        """The generation of the last invalidation that is known now: a load that begins now sees its change."""
        return self._cache.fence.token().generation

    def wanted(self) -> dict[str, int]:
        """Return the names without an outcome, each with the generation of the last invalidation that concerns it.

        A load that another process began before that invalidation is not waited for.
        """
        return {
            name: max(self._cache.fence.last_of(key) for key in keys)
            for name, keys in self._named.items()
            if not self._is_done(name)
        }

    def take_fresh(self) -> None:
        """Take the deals whose views are all fresh in memory: a flight that has just ended may have brought them."""
        for key in self._pending(self._named):
            kept = {view: self._cache.kept(CacheKey.of(view, key)) for view in View}
            views = {view: one.entry for view, one in kept.items() if one is not None and not one.stale}
            if len(views) == len(View):
                self.outcomes[key] = views

    def find_stored(self, names: Collection[str]) -> set[str]:
        """Take the deals that MongoDB has by now, and return their names."""
        token = self._cache.fence.token()
        try:
            found = self._context.mongodb.read_many(dict.fromkeys(self._pending(names), tuple(View)))
        except StoreError:
            return set()
        for key, stored in found.items():
            if isinstance(stored, dict):
                self._take(key, stored, token)
        return {name for name in names if self._is_done(name)}

    def load(self, names: Collection[str], deadline: Deadline) -> dict[str, LoadEnd | HubSpotError]:
        """Fetch from HubSpot, store in MongoDB and take; return each load's outcome, HubSpot's failures as such."""
        keys = self._pending(names)
        token = self._cache.fence.token()
        try:
            with self._context.loads.enter():
                ids = self._ids_known(keys)
                load = self._context.hubspot.load(keys, ids, deadline, fresh_labels=self.fresh_labels)
        except BulkheadFullError as failure:
            self.outcomes |= dict.fromkeys(keys, failure)
            return dict.fromkeys(names, LoadEnd.ABANDONED)
        self.stored = load.stored
        self.outcomes |= load.failures
        self.outcomes |= load.views
        self._keep_loaded(load, token)
        return {name: self._end_of(name, load.stored) for name in names}

    def _ids_known(self, _keys: Collection[DealKey]) -> Mapping[DealKey, Collection[str]]:
        return self._known_ids

    def unknown(self, name: str) -> None:
        """Note that another process has found that HubSpot has no such deal."""
        for key in self._pending([name]):
            token = self._cache.fence.token()
            self._take(key, self._context.hubspot.unknown(key), token)

    def failed(self, name: str, failure: Exception) -> None:
        """Note that the load of another process has failed, or took too long."""
        self.outcomes |= dict.fromkeys(self._pending([name]), failure)

    def _is_done(self, name: str) -> bool:
        return all(key in self.outcomes for key in self._named[name])

    def _pending(self, names: Collection[str]) -> list[DealKey]:
        return [key for name in names for key in self._named[name] if key not in self.outcomes]

    def _end_of(self, name: str, stored: bool) -> LoadEnd | HubSpotError:
        outcomes = [self.outcomes[key] for key in self._named[name]]
        for outcome in outcomes:
            if isinstance(outcome, HubSpotError):
                return outcome
        if all(isinstance(one, dict) and one[View.INFO].status == 404 for one in outcomes):
            return LoadEnd.UNKNOWN
        return LoadEnd.LOADED if stored else LoadEnd.ABANDONED

    def _take(self, key: DealKey, views: Loaded, token: Token) -> None:
        """Take views that another process has loaded and announced; ``token`` was taken before they were read."""
        self.outcomes[key] = views
        self._keep(key, views, token)

    def _keep(self, key: DealKey, views: Loaded, token: Token) -> None:
        for view, entry in views.items():
            self._cache.keep(CacheKey.of(view, key), entry, token)

    def _keep_loaded(self, load: HubSpotLoad, token: Token) -> None:
        """Invalidate what the load changed everywhere, and keep its values."""
        good = {
            key: views
            for key, views in load.views.items()
            if all(self._cache.permits(CacheKey.of(view, key), entry, token) for view, entry in views.items())
        }
        changed = Selection.changed(load.changes)
        if not (load.stored and self.look_first):
            # A refresh drops everything. If storing failed, it is unknown which of them MongoDB holds in this state.
            changed |= _selection_of(load.views.items())
        lost = changed & _selection_of((key, views) for key, views in load.views.items() if key not in good)
        if lost:
            self._context.publish(lost, load.changes, None)
        ours = changed - lost
        renewed = self._context.publish(ours, load.changes, token).token if ours else None
        for key, views in good.items():
            # Our own invalidation refuses the old token only for the deals that it selects.
            concerned = bool(ours & _selection_of([(key, views)]))
            self._keep(key, views, renewed if concerned and renewed else token)


class RefreshRequest(LoadRequest):
    """A deal that is loaded whatever the tiers hold, and that all of them drop under any key.

    Args:
        key: which deal.
        context: the parts to work with.
    """

    look_first = False
    fresh_labels = True
    prefix = "refresh:"
    pause = timedelta(seconds=10)

    def __init__(self, key: DealKey, context: RequestContext) -> None:
        super().__init__([key], {}, context)

    def wanted(self) -> dict[str, int]:
        """See :meth:`.LoadRequest.wanted`.

        A refresh that began before an invalidation is good enough: no other would be made so soon after it.
        """
        return dict.fromkeys(super().wanted(), 0)

    def _ids_known(self, keys: Collection[DealKey]) -> Mapping[DealKey, Collection[str]]:
        try:
            return {key: self._context.mongodb.known_ids(key) for key in keys}
        except StoreError:
            return {}  # without MongoDB there is nothing to correct in it either

    def _take(self, key: DealKey, views: Loaded, token: Token) -> None:
        """See :meth:`.LoadRequest._take`; this process drops its own values at once, as the other one did."""
        applied = self._cache.apply(_selection_of([(key, views)]), None, claim=token)
        super()._take(key, views, applied.token or token)


def _selection_of(loads: Iterable[tuple[DealKey, Loaded]]) -> Selection:
    """Select deals by their ids, and by all names under which they were asked for and are known."""
    ids: set[str] = set()
    names: set[str] = set()
    for key, views in loads:
        entry = views[View.INFO]
        ids.update(filter(None, [entry.deal_id]))
        names.update(name for name in (entry.deal_name, key.value if key.by == "name" else None) if name)
    return Selection.deals(ids=ids, names=names)
