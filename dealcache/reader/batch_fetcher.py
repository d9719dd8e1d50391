"""Fetches many deals from HubSpot together, each of them once at a time, for all threads and all processes.

As with :class:`~dealcache.reader.fetcher.Fetcher`, what was fetched is in MongoDB and in the cache tiers by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from dealcache.deadline import Deadline
from dealcache.deals import DealKey
from dealcache.hubspot import HubSpotError
from dealcache.reader.batch_keeping import BatchKeeper
from dealcache.reader.gate import Gate, TooManyWaitingError
from dealcache.reader.hubspot import HubSpotSource
from dealcache.reader.journal import Journal
from dealcache.reader.mongodb import MongoSource
from dealcache.reader.shared_batch import Ended, SharedBatch
from dealcache.reader.shared_flight import lease_key
from dealcache.reader.state import Loaded, ReaderState
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories import LoadEnd, StoreError
from dealcache.tiers import CacheKey, View


class BatchFetcher:
    """Any number of threads may use it.

    Args:
        state: the cache tiers, and the loads under way.
        journal: takes in what a load changed, for this process and all others.
        mongodb: reads views from MongoDB.
        hubspot: loads deals from HubSpot.
        shared: finds out what other processes load.
        waiting: the bound on threads that wait for HubSpot. A batch is one thread, however many names it waits for.
        loads: the bound on loads under way. A batch is one: all its names together make few calls more than one name.
        wait_seconds: how long a thread waits at most, for others' loads and its own.
    """

    def __init__(
        self,
        *,
        state: ReaderState,
        journal: Journal,
        mongodb: MongoSource,
        hubspot: HubSpotSource,
        shared: SharedBatch,
        waiting: Gate,
        loads: Gate,
        wait_seconds: float,
    ) -> None:
        self._flights = state.hubspot_flights
        self._cache = state.cache
        self._shared = shared
        self._waiting = waiting
        self._wait_seconds = wait_seconds
        keeper = BatchKeeper(state.cache, journal)
        self._begin = partial(_Batch, cache=state.cache, keeper=keeper, mongodb=mongodb, hubspot=hubspot, loads=loads)

    def fetch(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], *, memory_counts: bool
    ) -> dict[DealKey, Loaded | Exception]:
        """The views of many deals from HubSpot.

        Args:
            keys: the deals' names.
            known_ids: for some of them, ids that MongoDB knows under the name.
            memory_counts: whether it is enough that memory has them by now.

        Returns:
            For each name what :meth:`.Fetcher.fetch` would have returned or raised.
        """
        deadline = Deadline(self._wait_seconds)
        work = partial(self._fetch, known_ids, memory_counts, deadline)
        try:
            with self._waiting.enter():
                outcomes = self._flights.run_many([(key, False) for key in keys], work, deadline)
        except TooManyWaitingError as failure:
            return dict.fromkeys(keys, failure)
        return {key: outcome for (key, _), outcome in outcomes.items()}

    def _fetch(
        self,
        known_ids: Mapping[DealKey, Collection[str]],
        memory_counts: bool,
        deadline: Deadline,
        led: Sequence[tuple[DealKey, bool]],
    ) -> dict[tuple[DealKey, bool], Loaded | Exception]:
        """Fetch the deals, but for those that flights which ended just before these began have brought."""
        batch = self._begin([key for key, _ in led], known_ids)
        if memory_counts:
            batch.look_into_memory()
        wanted = {
            name: max(self._cache.last_invalidation(key) for key in keys) for name, keys in batch.lacking().items()
        }
        self._shared.run(batch, wanted, self._cache.token().generation, deadline)
        return {one: batch.outcomes[one[0]] for one in led}


class _Batch:
    """One batch under way: what has come of it so far; see :class:`dealcache.reader.shared_batch.Batch`.

    Args:
        keys: the names of the deals. Those that differ in case only are one thing among processes, because they are
            looked for by the same search, and then each in MongoDB.
        known_ids: ids that MongoDB knows under them.
        cache: the cache tiers.
        keeper: keeps what was loaded.
        mongodb: reads views from MongoDB.
        hubspot: loads deals from HubSpot.
        loads: the bound on loads under way.
    """

    def __init__(
        self,
        keys: Collection[DealKey],
        known_ids: Mapping[DealKey, Collection[str]],
        *,
        cache: TieredCache,
        keeper: BatchKeeper,
        mongodb: MongoSource,
        hubspot: HubSpotSource,
        loads: Gate,
    ) -> None:
        self._named: defaultdict[str, list[DealKey]] = defaultdict(list)
        for key in keys:
            self._named[lease_key(key)].append(key)
        self._known_ids = known_ids
        self._cache = cache
        self._keeper = keeper
        self._mongodb = mongodb
        self._hubspot = hubspot
        self._loads = loads
        self.outcomes: dict[DealKey, Loaded | Exception] = {}

    def lacking(self) -> dict[str, list[DealKey]]:
        """What has no outcome yet."""
        return {name: keys for name, keys in self._named.items() if not self._all_there(name)}

    def _all_there(self, name: str) -> bool:
        return all(key in self.outcomes for key in self._named[name])

    def look_into_memory(self) -> None:
        """Take the deals whose views are all fresh in memory."""
        for keys in self._named.values():
            for key in keys:
                fresh = {view: self._cache.fresh(CacheKey.of(view, key)) for view in View}
                views = {view: entry for view, entry in fresh.items() if entry is not None}
                if len(views) == len(View):
                    self.outcomes[key] = views

    def look(self, keys: Collection[str]) -> set[str]:
        """See :class:`.Batch`."""
        token = self._cache.token()
        try:
            found = self._mongodb.read_many(dict.fromkeys(self._deals(keys), tuple(View))).entries
        except StoreError:
            return set()
        for key, views in found.items():
            self.outcomes[key] = views
            self._keeper.keep_views(key, views, token)
        return {name for name in keys if self._all_there(name)}

    def load(self, keys: Collection[str], deadline: Deadline) -> dict[str, Ended]:
        """See :class:`.Batch`."""
        deals = self._deals(keys)
        token = self._cache.token()
        try:
            with self._loads.enter():
                batch = self._hubspot.load_many(deals, self._known_ids, deadline)
        except TooManyWaitingError as failure:
            self.outcomes |= dict.fromkeys(deals, failure)
            return dict.fromkeys(keys, Ended(LoadEnd.ABANDONED))
        self.outcomes |= batch.failures
        self.outcomes |= batch.views
        self._keeper.keep(batch, token)
        return {name: self._end_of(name, batch.stored) for name in keys}

    def unknown(self, key: str) -> None:
        """See :class:`.Batch`."""
        for deal in self._deals([key]):
            views = self.outcomes[deal] = self._hubspot.unknown(deal)
            self._keeper.keep_views(deal, views, self._cache.token())

    def failed(self, key: str, failure: Exception) -> None:
        """See :class:`.Batch`."""
        self.outcomes |= dict.fromkeys(self._deals([key]), failure)

    def _deals(self, keys: Collection[str]) -> list[DealKey]:
        """The deals of these things that have no outcome yet."""
        return [deal for name in keys for deal in self._named[name] if deal not in self.outcomes]

    def _end_of(self, name: str, stored: bool) -> Ended:
        outcomes = [self.outcomes[key] for key in self._named[name]]
        for outcome in outcomes:
            if isinstance(outcome, HubSpotError):
                return Ended(LoadEnd.FAILED, outcome)
        if all(isinstance(one, dict) and one[View.INFO].status == 404 for one in outcomes):
            return Ended(LoadEnd.UNKNOWN)
        return Ended(LoadEnd.LOADED if stored else LoadEnd.ABANDONED)
