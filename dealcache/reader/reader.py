"""The read path: memory, perhaps Redis, then MongoDB, then HubSpot, each filled from the one below."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from dealcache.deals import DealKey
from dealcache.hubspot import HubSpotError
from dealcache.invalidation import Selection
from dealcache.reader.answer import Answer, Journey, Mode, Outcome
from dealcache.reader.fetcher import Fetcher, RecentlyRefreshedError
from dealcache.reader.flight import FlightTimeoutError
from dealcache.reader.gate import TooManyWaitingError
from dealcache.reader.journal import Applied, Journal
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.policy import Policy
from dealcache.reader.retreat import Retreat
from dealcache.reader.state import ReaderState
from dealcache.reader.tiered_cache import Found
from dealcache.repositories import StoreError
from dealcache.tiers import CacheKey, Entry, View

#: What may end a read of HubSpot, after which a stale value may serve.
ORIGIN_FAILURES = (HubSpotError, TooManyWaitingError, FlightTimeoutError)


class DealReader:
    """Answers reads of deals.

    Args:
        state: the cache tiers, and the loads under way.
        journal: takes in invalidations, for this process and all others.
        mongodb: reads a view from MongoDB.
        fetcher: fetches all views of a deal from HubSpot.
        policy: how long values live.
        retreat: remembers for which deals the tiers below failed.
        wait_seconds: how long a thread waits at most for another one's read of MongoDB.
        clock: the wall clock, epoch seconds.
        timer: the clock that durations are measured with, seconds.
    """

    def __init__(
        self,
        *,
        state: ReaderState,
        journal: Journal,
        mongodb: MongoSource,
        fetcher: Fetcher,
        policy: Policy,
        retreat: Retreat,
        wait_seconds: float,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._state = state
        self._cache = state.cache
        self._journal = journal
        self._mongodb = mongodb
        self._fetcher = fetcher
        self._wait_seconds = wait_seconds
        self._timer = timer
        self._retreat = retreat

    def hit(self, view: View, key: DealKey) -> Entry | None:
        """The fresh view that the memory tier holds, counted as served, or None; a remembered 404 is none."""
        return self._cache.hit(CacheKey.of(view, key))

    def read(self, view: View, key: DealKey, mode: Mode = Mode.DEFAULT) -> Answer:
        """Answer one read from the first tier that can.

        Args:
            view: which view of the deal.
            key: which deal.
            mode: how fresh the answer must be.

        Returns:
            The answer; its entry's status is 404 when no tier knows the deal.

        Raises:
            HubSpotError: HubSpot was needed and failed, and no stale value may serve.
            TooManyWaitingError: HubSpot was needed, but too many threads wait for it.
            FlightTimeoutError: another thread's load of this deal took too long.
        """
        journey = Journey(self._timer)
        if mode is Mode.REFRESH:
            if not self._fetcher.refreshed_lately(key):
                return self._refresh(view, key, journey)
            mode = Mode.DEFAULT
        if mode is Mode.DEFAULT:
            found = self._cache.look(CacheKey.of(view, key), journey)
            if found is not None and not found.stale:
                return journey.answer(found.entry, found.tier)
            if found is not None and self._retreat.should_serve_stale(key):
                return self._answer_kept(view, key, found, journey)
        else:
            journey.step("memory", Outcome.BYPASS)
        return self._ask_below(view, key, mode, journey)

    def _ask_below(self, view: View, key: DealKey, mode: Mode, journey: Journey) -> Answer:
        entry = self._ask_mongodb(view, key, mode, journey)
        if entry is not None:
            self._retreat.succeeded(key)
            return journey.answer(entry, "mongodb")
        try:
            loaded = self._fetcher.fetch(key, memory_counts=mode is Mode.DEFAULT)
        except ORIGIN_FAILURES:
            journey.step("hubspot", Outcome.ERROR)
            kept = self._cache.kept(CacheKey.of(view, key))
            if kept is None or kept.entry.status != 200:
                raise
            self._retreat.failed(key)
            return self._answer_kept(view, key, kept, journey)
        self._retreat.succeeded(key)
        journey.step("hubspot", Outcome.HIT)
        return journey.answer(loaded[view], "hubspot")

    def _answer_kept(self, view: View, key: DealKey, kept: Found, journey: Journey) -> Answer:
        """Serve what memory holds because every tier below failed, marked as stale unless it is good all the same."""
        self._cache.served(CacheKey.of(view, key))
        return journey.answer(kept.entry, "memory", stale=kept.stale)

    def _ask_mongodb(self, view: View, key: DealKey, mode: Mode, journey: Journey) -> Entry | None:
        cache_key = CacheKey.of(view, key)
        work = partial(self._read_mongodb, view, key)
        try:
            # A reader who says no-cache may have written to MongoDB just now: a read that began before is no answer.
            flights = self._state.mongodb_flights
            entry = work() if mode is Mode.NO_CACHE else flights.run(cache_key, work, self._wait_seconds)
        except (StoreError, FlightTimeoutError):
            journey.step("mongodb", Outcome.ERROR)
            return None
        journey.step("mongodb", Outcome.HIT if entry else Outcome.MISS)
        return entry

    def _read_mongodb(self, view: View, key: DealKey) -> Entry | None:
        token = self._cache.token()
        try:
            entry = self._mongodb.read(view, key)
        except TimelineNotSyncedError:
            return None
        if entry is not None:
            self._cache.keep(CacheKey.of(view, key), entry, token)
        return entry

    def _refresh(self, view: View, key: DealKey, journey: Journey) -> Answer:
        journey.step("memory", Outcome.BYPASS)
        try:
            loaded = self._fetcher.refresh(key)
        except RecentlyRefreshedError:
            # Memory may be older than that refresh, of which this process has perhaps not heard yet.
            return self._ask_below(view, key, Mode.NO_CACHE, journey)
        self._retreat.succeeded(key)
        journey.step("hubspot", Outcome.HIT)
        return journey.answer(loaded[view], "hubspot")

    def invalidate(self, selection: Selection) -> Applied:
        """Forget the selected deals: after this returns, this process serves nothing that was read before.

        Returns:
            The displayed keys that left a cache tier, and whether all other processes will know as well.
        """
        applied = self._journal.record(selection)
        shared = self._cache.forget_shared(selection, applied.generation)
        return Applied(applied.cleared | shared, generation=applied.generation)
