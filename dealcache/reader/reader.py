"""The read path: memory, then MongoDB, then HubSpot, each filled from the one below."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from dealcache.deals import DealKey, name_key
from dealcache.hubspot import HubSpotError
from dealcache.reader.answer import Answer, Journey, Mode, Outcome
from dealcache.reader.fence import Fence
from dealcache.reader.flight import FlightTimeoutError, SingleFlight
from dealcache.reader.gate import Gate, TooManyWaitingError
from dealcache.reader.hubspot import HubSpotSource
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.policy import Policy, Verdict, decide
from dealcache.reader.refreshes import Refreshes
from dealcache.reader.retreat import Retreat
from dealcache.repositories import StoreError
from dealcache.tiers import CacheKey, Entry, Selection, Tier, View

Loaded = dict[View, Entry]

#: What may end a read of HubSpot, after which a stale value may serve.
ORIGIN_FAILURES = (HubSpotError, TooManyWaitingError, FlightTimeoutError)


class DealReader:
    """Answers reads of deals.

    Args:
        memory: the memory tier.
        mongodb: reads a view from MongoDB.
        hubspot: loads all views of a deal from HubSpot.
        policy: how long values live.
        waiting: the bound on threads that wait for HubSpot, for a load of their own or another one's.
        loads: the bound on loads under way.
        wait_seconds: how long a thread waits at most for another one's load.
        clock: the wall clock, epoch seconds.
        timer: the clock that durations are measured with, seconds.
        on_wait: called when a thread begins to wait for another one's load, for metrics.
    """

    def __init__(
        self,
        *,
        memory: Tier,
        mongodb: MongoSource,
        hubspot: HubSpotSource,
        policy: Policy,
        waiting: Gate,
        loads: Gate,
        wait_seconds: float,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self._memory = memory
        self._mongodb = mongodb
        self._hubspot = hubspot
        self._waiting = waiting
        self._loads = loads
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._timer = timer
        self._fence = Fence()
        self._retreat = Retreat(policy.retry_pause, clock)
        self._mongodb_flights: SingleFlight[CacheKey, Entry | None] = SingleFlight(on_wait)
        self._hubspot_flights: SingleFlight[tuple[DealKey, bool], Loaded] = SingleFlight(on_wait)
        self._refreshes = Refreshes(policy.refresh_pause, clock)

    def hit(self, view: View, key: DealKey) -> Entry | None:
        """The fresh view that the memory tier holds, counted as served, or None; a remembered 404 is none."""
        cache_key = CacheKey.of(view, key)
        entry = self._memory.get(cache_key)
        if entry is None or entry.status != 200 or decide(entry, self._clock()) is not Verdict.FRESH:
            return None
        self._memory.record_hit(cache_key)
        return entry

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
        stale: Entry | None = None
        if mode is Mode.DEFAULT:
            entry = self._memory.get(CacheKey.of(view, key))
            verdict = decide(entry, self._clock())
            if entry is not None and verdict is Verdict.FRESH:
                self._memory.record_hit(CacheKey.of(view, key))
                journey.step("memory", Outcome.HIT)
                return journey.answer(entry, "memory")
            stale = entry if verdict is Verdict.STALE else None
            journey.step("memory", Outcome.STALE if stale else Outcome.MISS)
            if stale and self._retreat.should_serve_stale(key):
                return self._answer_kept(view, key, stale, journey)
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
            kept = self._memory.get(CacheKey.of(view, key))
            if kept is None or kept.status != 200:
                raise
            self._retreat.failed(key)
            return self._answer_kept(view, key, kept, journey)
        self._retreat.succeeded(key)
        journey.step("hubspot", Outcome.HIT)
        return journey.answer(loaded[view], "hubspot")

    def _answer_kept(self, view: View, key: DealKey, kept: Entry, journey: Journey) -> Answer:
        """Serve what memory holds because every tier below failed, marked as stale when it is past its time."""
        self._memory.record_hit(CacheKey.of(view, key))
        return journey.answer(kept, "memory", stale=decide(kept, self._clock()) is not Verdict.FRESH)

    def _ask_mongodb(self, view: View, key: DealKey, mode: Mode, journey: Journey) -> Entry | None:
        cache_key = CacheKey.of(view, key)
        work = partial(self._read_mongodb, view, key)
        try:
            # A reader who says no-cache may have written to MongoDB just now: a read that began before is no answer.
            flights = self._mongodb_flights
            entry = work() if mode is Mode.NO_CACHE else flights.run(cache_key, work, self._wait_seconds)
        except (StoreError, FlightTimeoutError):
            journey.step("mongodb", Outcome.ERROR)
            return None
        journey.step("mongodb", Outcome.HIT if entry else Outcome.MISS)
        return entry

    def _read_mongodb(self, view: View, key: DealKey) -> Entry | None:
        token = self._fence.token()
        try:
            entry = self._mongodb.read(view, key)
        except TimelineNotSyncedError:
            return None
        if entry is not None:
            self._keep(CacheKey.of(view, key), entry, token)
        return entry

    def _ask_hubspot(self, key: DealKey, mode: Mode) -> Loaded:
        work = partial(self._load, key, look_first=mode is Mode.DEFAULT)
        with self._waiting.enter():
            return self._hubspot_flights.run((key, False), work, self._wait_seconds)

    def _load(self, key: DealKey, look_first: bool) -> Loaded:
        """Load the deal, unless a flight that ended just before this one began has brought it."""
        if look_first:
            now = self._clock()
            kept = {view: self._memory.get(CacheKey.of(view, key)) for view in View}
            fresh = {view: entry for view, entry in kept.items() if entry and decide(entry, now) is Verdict.FRESH}
            if len(fresh) == len(View):
                return fresh
        token = self._fence.token()
        with self._loads.enter():
            loaded = self._hubspot.load(key)
        self._keep_all(key, loaded, token)
        return loaded

    def _refresh(self, view: View, key: DealKey, journey: Journey) -> Answer:
        journey.step("memory", Outcome.BYPASS)
        with self._waiting.enter():
            loaded = self._hubspot_flights.run((key, True), partial(self._reload, key), self._wait_seconds)
        self._retreat.succeeded(key)
        journey.step("hubspot", Outcome.HIT)
        return journey.answer(loaded[view], "hubspot")

    def _reload(self, key: DealKey) -> Loaded:
        """Load the deal whatever the tiers hold, and let go what they hold of it under any key."""
        token = self._fence.token()
        with self._loads.enter():
            loaded = self._hubspot.load(key, known_ids=self._known_ids(key))
        entry = loaded[View.INFO]
        names = [name for name in (entry.deal_name, key.value if key.by == "name" else None) if name]
        selection = Selection.deals(ids=[entry.deal_id] if entry.deal_id else [], names=names)
        token = self._fence.move_for(token, selection)
        self._forget(selection)
        self._keep_all(key, loaded, token)
        self._refreshes.note(key, entry.deal_id)
        return loaded

    def _known_ids(self, key: DealKey) -> list[str]:
        try:
            return [stored.deal.deal_id for stored in self._mongodb.candidates(key)]
        except StoreError:
            return []  # without MongoDB there is nothing to correct there either

    def _keep_all(self, key: DealKey, loaded: Loaded, token: int) -> None:
        for view, entry in loaded.items():
            self._keep(CacheKey.of(view, key), entry, token)

    def _keep(self, cache_key: CacheKey, entry: Entry, token: int) -> None:
        self._memory.put(cache_key, entry, lambda: self._fence.permits(token, cache_key, entry))

    def invalidate(self, selection: Selection) -> set[str]:
        """Forget the selected deals: after this returns, nothing serves that was read before it was called.

        Loads that are under way keep their readers, who asked before, but store nothing and take no new readers.

        Returns:
            The displayed keys that left a cache tier.
        """
        self._fence.move(selection)
        return self._forget(selection)

    def _forget(self, selection: Selection) -> set[str]:
        self._mongodb_flights.detach(lambda key: _concerns(selection, DealKey(key.by, key.value)))
        self._hubspot_flights.detach(lambda key: _concerns(selection, key[0]))
        return self._memory.invalidate(selection)


def _concerns(selection: Selection, key: DealKey) -> bool:
    """Whether a load under way may bring a selected deal.

    A load by id of an unknown name, or by name of an unknown id, may: it is only known when it ends.
    """
    if selection.everything:
        return True
    if key.by == "id":
        return key.value in selection.deal_ids or not selection.deal_ids
    return name_key(key.value) in selection.name_keys or not selection.name_keys
