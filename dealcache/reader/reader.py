"""The read path: memory, perhaps Redis, then MongoDB, then HubSpot, each filled from the one below."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from dealcache.deals import DealKey
from dealcache.hubspot import HubSpotError
from dealcache.invalidation import Selection
from dealcache.reader.answer import Answer, Journey, Mode, Outcome
from dealcache.reader.fence import Token
from dealcache.reader.flight import FlightTimeoutError
from dealcache.reader.gate import Gate, TooManyWaitingError
from dealcache.reader.hubspot import HubSpotLoad, HubSpotSource
from dealcache.reader.journal import Applied, Journal
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.policy import Policy
from dealcache.reader.refreshes import Refreshes
from dealcache.reader.retreat import Retreat
from dealcache.reader.state import Loaded, ReaderState
from dealcache.reader.tiered_cache import Found
from dealcache.repositories import StoreError
from dealcache.tiers import CacheKey, Entry, View

#: What may end a read of HubSpot, after which a stale value may serve.
ORIGIN_FAILURES = (HubSpotError, TooManyWaitingError, FlightTimeoutError)


class DealReader:
    """Answers reads of deals.

    Args:
        state: the cache tiers, and the loads under way.
        journal: takes in what a load changed, for this process and all others.
        mongodb: reads a view from MongoDB.
        hubspot: loads all views of a deal from HubSpot.
        policy: how long values live.
        waiting: the bound on threads that wait for HubSpot, for a load of their own or another one's.
        loads: the bound on loads under way.
        wait_seconds: how long a thread waits at most for another one's load.
        clock: the wall clock, epoch seconds.
        timer: the clock that durations are measured with, seconds.
    """

    def __init__(
        self,
        *,
        state: ReaderState,
        journal: Journal,
        mongodb: MongoSource,
        hubspot: HubSpotSource,
        policy: Policy,
        waiting: Gate,
        loads: Gate,
        wait_seconds: float,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._state = state
        self._cache = state.cache
        self._journal = journal
        self._mongodb = mongodb
        self._hubspot = hubspot
        self._waiting = waiting
        self._loads = loads
        self._wait_seconds = wait_seconds
        self._timer = timer
        self._retreat = Retreat(policy.retry_pause, clock)
        self._refreshes = Refreshes(policy.refresh_pause, clock)

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
            if not self._refreshes.lately(key):
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
            loaded = self._ask_hubspot(key, mode)
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

    def _ask_hubspot(self, key: DealKey, mode: Mode) -> Loaded:
        work = partial(self._load, key, look_first=mode is Mode.DEFAULT)
        with self._waiting.enter():
            return self._state.hubspot_flights.run((key, False), work, self._wait_seconds)

    def _load(self, key: DealKey, look_first: bool) -> Loaded:
        """Load the deal, unless a flight that ended just before this one began has brought it."""
        if look_first:
            fresh = {view: self._cache.fresh(CacheKey.of(view, key)) for view in View}
            brought = {view: entry for view, entry in fresh.items() if entry is not None}
            if len(brought) == len(View):
                return brought
        token = self._cache.token()
        with self._loads.enter():
            load = self._hubspot.load(key)
        if load.changes or not load.stored:
            token = self._announce(key, load, token)
        return self._kept(key, load.views, token)

    def _refresh(self, view: View, key: DealKey, journey: Journey) -> Answer:
        journey.step("memory", Outcome.BYPASS)
        with self._waiting.enter():
            work = partial(self._reload, key)
            loaded = self._state.hubspot_flights.run((key, True), work, self._wait_seconds)
        self._retreat.succeeded(key)
        journey.step("hubspot", Outcome.HIT)
        return journey.answer(loaded[view], "hubspot")

    def _reload(self, key: DealKey) -> Loaded:
        """Load the deal whatever the tiers hold, and have all processes let go what they hold of it under any key."""
        token = self._cache.token()
        with self._loads.enter():
            load = self._hubspot.load(key, known_ids=self._known_ids(key))
        token = self._announce(key, load, token)
        self._refreshes.note(key, load.views[View.INFO].deal_id)
        return self._kept(key, load.views, token)

    def _known_ids(self, key: DealKey) -> list[str]:
        try:
            return [stored.deal.deal_id for stored in self._mongodb.candidates(key)]
        except StoreError:
            return []  # without MongoDB there is nothing to correct there either

    def _announce(self, key: DealKey, load: HubSpotLoad, token: Token) -> Token:
        """Have all processes let go what is older than ``load``; the token with which it may be kept itself."""
        entry = load.views[View.INFO]
        names = [name for name in (entry.deal_name, key.value if key.by == "name" else None) if name]
        loaded = Selection.deals(ids=[entry.deal_id] if entry.deal_id else [], names=names)
        applied = self._journal.record(loaded | Selection.changed(load.changes), load.changes, claim=token)
        return token if applied.token is None else applied.token  # the old one is refused from now on

    def _kept(self, key: DealKey, loaded: Loaded, token: Token) -> Loaded:
        for view, entry in loaded.items():
            self._cache.keep(CacheKey.of(view, key), entry, token)
        return loaded

    def invalidate(self, selection: Selection) -> Applied:
        """Forget the selected deals: after this returns, this process serves nothing that was read before.

        Returns:
            The displayed keys that left a cache tier, and whether all other processes will know as well.
        """
        applied = self._journal.record(selection)
        shared = self._cache.forget_shared(selection, applied.generation)
        return Applied(applied.cleared | shared, generation=applied.generation)
