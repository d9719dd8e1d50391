"""Load requests: the deals that a thread wants from HubSpot, and the effect of loading them on the caches.

What was loaded is kept in the cache tiers, and what the load changed is invalidated everywhere. A deal that is
invalidated while it is being loaded is not kept; the others of its request are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from dealcache.hubspot import HubSpotError
from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey, name_key
from dealcache.model.invalidation import Selection
from dealcache.reader.bulkhead import Bulkhead, BulkheadFullError
from dealcache.reader.fence import Token
from dealcache.reader.hubspot import HubSpotLoad, HubSpotSource
from dealcache.reader.mongodb import MongoSource
from dealcache.reader.state import Loaded, Publish, ReaderState
from dealcache.repositories import LoadEnd, StoreError
from dealcache.repositories.load_leases import ENDED_WELL
from dealcache.tiers import CacheKey, View


class RecentlyRefreshedError(Exception):
    """Another process refreshed the deal so lately that it is not fetched again; MongoDB has it."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The parts that requests work with.

    Args:
        state: the cache tiers, and the loads under way.
        publish: invalidates what a load changed, in this process and all others.
        mongodb: reads views from MongoDB.
        hubspot: loads deals from HubSpot.
        loads: the bound on loads under way in this process. A request is one: all its deals together make few calls
            more than one deal.
    """

    state: ReaderState
    publish: Publish
    mongodb: MongoSource
    hubspot: HubSpotSource
    loads: Bulkhead


class LoadRequest:
    """Deals that no tier has, and what has come of them so far.

    The methods go by lease names, by which processes know what is being loaded. Names of deals that differ in case only
    are one thing among processes, because they are looked for by the same search, and then each in MongoDB.

    Args:
        keys: the deals: names, or one key of either kind.
        known_ids: ids that MongoDB knows under them.
        context: what it works with.
    """

    #: True if what MongoDB has when the load is about to begin is as good as what the load would bring.
    look_first = True
    #: For how long after a deal was loaded it is not loaded again.
    pause = timedelta(0)
    #: The ends of a load of which that is true.
    pause_after: frozenset[LoadEnd] = ENDED_WELL

    def __init__(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], context: RequestContext
    ) -> None:
        self._named: defaultdict[str, list[DealKey]] = defaultdict(list)
        for key in keys:
            self._named[self._lease_name(key)].append(key)
        self._known_ids = known_ids
        self._context = context
        self._cache = context.state.cache
        self.generation = self._cache.token().generation
        #: For each deal that is done its views, or why there are none.
        self.outcomes: dict[DealKey, Loaded | Exception] = {}

    def _lease_name(self, key: DealKey) -> str:
        return f"{key.by}:{name_key(key.value)}"

    def wanted(self) -> dict[str, int]:
        """Return what has no outcome yet, each with the generation of the last invalidation that concerns it.

        A load that another process began before that one is not waited for.
        """
        return {
            name: max(self._cache.last_invalidation(key) for key in keys)
            for name, keys in self._named.items()
            if not self._is_done(name)
        }

    def take_fresh(self) -> None:
        """Take the deals whose views are all fresh in memory: a flight that ended just now has brought them."""
        for keys in self._named.values():
            for key in keys:
                views: Loaded = {}
                for view in View:
                    if (entry := self._cache.fresh(CacheKey.of(view, key))) is None:
                        break
                    views[view] = entry
                else:
                    self.outcomes[key] = views

    def look(self, names: Collection[str]) -> set[str]:
        """Take from MongoDB what is there by now; returns the names of that."""
        token = self._cache.token()
        try:
            found = self._context.mongodb.read_many(dict.fromkeys(self._pending(names), tuple(View))).entries
        except StoreError:
            return set()
        for key, views in found.items():
            self._take(key, views, token)
        return {name for name in names if self._is_done(name)}

    def load(self, names: Collection[str], deadline: Deadline) -> dict[str, LoadEnd | HubSpotError]:
        """Fetch from HubSpot, put into MongoDB and take; returns how each load ended, a failure of HubSpot as such."""
        keys = self._pending(names)
        token = self._cache.token()
        try:
            with self._context.loads.enter():
                load = self._load(keys, deadline)
        except BulkheadFullError as failure:
            self.outcomes |= dict.fromkeys(keys, failure)
            return dict.fromkeys(names, LoadEnd.ABANDONED)
        self.outcomes |= load.failures
        self.outcomes |= load.views
        self._keep_loaded(load, token)
        return {name: self._end_of(name, load.stored) for name in names}

    def _load(self, keys: Collection[DealKey], deadline: Deadline) -> HubSpotLoad:
        return self._context.hubspot.load(keys, self._known_ids, deadline)

    def unknown(self, name: str) -> None:
        """Take it that another process has found that HubSpot has no such deal."""
        for key in self._pending([name]):
            token = self._cache.token()
            self._take(key, self._context.hubspot.unknown(key), token)

    def failed(self, name: str, failure: Exception) -> None:
        """Take it that another process's load has failed, or took too long."""
        self.outcomes |= dict.fromkeys(self._pending([name]), failure)

    def recently(self, name: str) -> None:
        """Take it that another process has loaded the deal within the pause."""
        self.failed(name, RecentlyRefreshedError())

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
        """Take what another process has brought and made known; ``token`` was taken before it was read."""
        self.outcomes[key] = views
        self._keep(key, views, token)

    def _keep(self, key: DealKey, views: Loaded, token: Token) -> None:
        for view, entry in views.items():
            self._cache.keep(CacheKey.of(view, key), entry, token)

    def _keep_loaded(self, load: HubSpotLoad, token: Token) -> None:
        """Invalidate everywhere what the load changed, and keep what it brought."""
        good = {key: views for key, views in load.views.items() if self._permits(key, views, token)}
        changed = self._outdated_by(load)
        lost = changed & _selection_of((key, views) for key, views in load.views.items() if key not in good)
        if lost:
            self._context.publish(lost, load.changes, None)
        ours = changed - lost
        renewed = self._context.publish(ours, load.changes, token).token if ours else None
        for key, views in good.items():
            # Our own invalidation refuses the old token for what it concerns, and for nothing else.
            concerned = bool(ours & _selection_of([(key, views)]))
            self._keep(key, views, renewed if concerned and renewed else token)

    def _outdated_by(self, load: HubSpotLoad) -> Selection:
        changed = Selection.changed(load.changes)
        # When storing failed, it is not known which of them MongoDB holds as they are.
        return changed if load.stored else changed | _selection_of(load.views.items())

    def _permits(self, key: DealKey, views: Loaded, token: Token) -> bool:
        return all(self._cache.permits(CacheKey.of(view, key), entry, token) for view, entry in views.items())


class RefreshRequest(LoadRequest):
    """A deal that is loaded whatever the tiers hold, and let go by all of them under any key.

    Args:
        key: which deal.
        pause: seconds for which a refreshed deal is not fetched again.
        context: what it works with.
    """

    look_first = False

    def __init__(self, key: DealKey, pause: float, context: RequestContext) -> None:
        super().__init__([key], {}, context)
        self.pause = timedelta(seconds=pause)
        #: What this process itself has loaded.
        self.loaded: HubSpotLoad | None = None

    def _lease_name(self, key: DealKey) -> str:
        return refresh_name(key)

    def wanted(self) -> dict[str, int]:
        """See :meth:`.LoadRequest.wanted`.

        A refresh that began before an invalidation is good enough: so soon after it there would be no other.
        """
        return dict.fromkeys(self._named, 0)

    def _load(self, keys: Collection[DealKey], deadline: Deadline) -> HubSpotLoad:
        known_ids = {key: self._stored_ids(key) for key in keys}
        self.loaded = self._context.hubspot.load(keys, known_ids, deadline, fresh_labels=True)
        return self.loaded

    def _stored_ids(self, key: DealKey) -> tuple[str, ...]:
        try:
            return self._context.mongodb.known_ids(key)
        except StoreError:
            return ()  # without MongoDB there is nothing to correct there either

    def _take(self, key: DealKey, views: Loaded, token: Token) -> None:
        """See :meth:`.LoadRequest._take`; this process lets go at once what it holds, as the other one did."""
        applied = self._context.state.apply(_selection_of([(key, views)]), None, claim=token)
        super()._take(key, views, applied.token or token)

    def _outdated_by(self, load: HubSpotLoad) -> Selection:
        return Selection.changed(load.changes) | _selection_of(load.views.items())


class RereadRequest(RefreshRequest):
    """An old deal that is loaded while readers go on getting what is there; after a failure not again for a pause.

    Apart from refreshes, whose readers would else wait for calls of low priority.
    """

    pause_after = frozenset({LoadEnd.FAILED, LoadEnd.ABANDONED})

    def _lease_name(self, key: DealKey) -> str:
        return f"reread:{key.by}:{key.value}"

    def _load(self, keys: Collection[DealKey], deadline: Deadline) -> HubSpotLoad:
        self.loaded = self._context.hubspot.load(keys, {}, deadline)
        return self.loaded


def refresh_name(key: DealKey) -> str:
    """Return the lease name of a refresh. Names that differ in case only may be different deals."""
    return f"refresh:{key.by}:{key.value}"


def _selection_of(loads: Iterable[tuple[DealKey, Loaded]]) -> Selection:
    """Select deals by their ids and by all names that they were asked for and are known under."""
    ids: set[str] = set()
    names: set[str] = set()
    for key, views in loads:
        entry = views[View.INFO]
        ids.update(filter(None, [entry.deal_id]))
        names.update(name for name in (entry.deal_name, key.value if key.by == "name" else None) if name)
    return Selection.deals(ids=ids, names=names)
