"""Fetches deals from HubSpot: each once at a time, for all threads of this process and for all other processes.

What was fetched is in MongoDB and in the cache tiers when a method returns, unless somebody invalidated it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from dealcache.deadline import Deadline
from dealcache.deals import DealKey
from dealcache.invalidation import Selection
from dealcache.reader.fence import Token
from dealcache.reader.gate import Gate
from dealcache.reader.hubspot import HubSpotLoad, HubSpotSource
from dealcache.reader.journal import Journal
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.refreshes import Refreshes
from dealcache.reader.shared_flight import Errand, Fetched, SharedFlight, lease_key
from dealcache.reader.state import Loaded, ReaderState
from dealcache.repositories import LoadEnd, StoreError
from dealcache.tiers import CacheKey, View


class RecentlyRefreshedError(Exception):
    """Another process refreshed the deal so lately that it is not fetched again; MongoDB has it."""


class Fetcher:
    """Any number of threads may use it.

    Args:
        state: the cache tiers, and the loads under way.
        journal: takes in what a load changed, for this process and all others.
        mongodb: reads a view from MongoDB.
        hubspot: loads all views of a deal from HubSpot.
        shared: finds out what other processes load.
        waiting: the bound on threads that wait for HubSpot, for a load of their own or another one's.
        loads: the bound on loads under way in this process.
        wait_seconds: how long a thread waits at most, for another one's load or its own.
        refresh_pause: seconds for which a refreshed deal is not fetched again.
        clock: a clock in seconds.
    """

    def __init__(
        self,
        *,
        state: ReaderState,
        journal: Journal,
        mongodb: MongoSource,
        hubspot: HubSpotSource,
        shared: SharedFlight,
        waiting: Gate,
        loads: Gate,
        wait_seconds: float,
        refresh_pause: float,
        clock: Callable[[], float],
    ) -> None:
        self._flights = state.hubspot_flights
        self._state = state
        self._cache = state.cache
        self._journal = journal
        self._mongodb = mongodb
        self._hubspot = hubspot
        self._shared = shared
        self._waiting = waiting
        self._loads = loads
        self._wait_seconds = wait_seconds
        self._pause = timedelta(seconds=refresh_pause)
        self._refreshes = Refreshes(refresh_pause, clock)

    # What no tier has

    def fetch(self, key: DealKey, *, memory_counts: bool) -> Loaded:
        """The deal's views from HubSpot.

        Args:
            key: which deal.
            memory_counts: whether it is enough that memory has them by now.

        Raises:
            HubSpotError: HubSpot failed.
            TooManyWaitingError: too many threads wait for it.
            FlightTimeoutError: another thread's or process's load took too long.
        """
        with self._waiting.enter():
            return self._flights.run((key, False), partial(self._fetch, key, memory_counts), self._wait_seconds)

    def _fetch(self, key: DealKey, memory_counts: bool) -> Loaded:
        """Fetch the deal, unless a flight that ended just before this one began has brought it."""
        if memory_counts:
            fresh = {view: self._cache.fresh(CacheKey.of(view, key)) for view in View}
            brought = {view: entry for view, entry in fresh.items() if entry is not None}
            if len(brought) == len(View):
                return brought
        errand = Errand(
            lease_key(key),
            load=partial(self._load, key),
            look=partial(self._look, key),
            unknown=partial(self._unknown, key),
            generation=self._cache.token().generation,
            since=self._cache.last_invalidation(key),
        )
        return self._shared.run(errand, Deadline(self._wait_seconds))

    def _load(self, key: DealKey, deadline: Deadline) -> Fetched[Loaded]:
        token = self._cache.token()
        with self._loads.enter():
            load = self._hubspot.load(key, deadline=deadline)
        if load.changes or not load.stored:
            token = self._announce(key, load, token)
        return Fetched(self._kept(key, load.views, token), _end_of(load))

    def _look(self, key: DealKey) -> Loaded | None:
        token = self._cache.token()
        views = self._stored(key)
        return None if views is None else self._kept(key, views, token)

    def _unknown(self, key: DealKey) -> Loaded:
        return self._kept(key, self._hubspot.unknown(key), self._cache.token())

    # What is to be fetched whatever the tiers have

    def refreshed_lately(self, key: DealKey) -> bool:
        """Whether this process has fetched the deal so lately that it should not be fetched again."""
        return self._refreshes.lately(key)

    def refresh(self, key: DealKey) -> Loaded:
        """The deal's views from HubSpot, whatever the tiers hold, which let go what they hold of it under any key.

        Raises:
            RecentlyRefreshedError: it is not to be fetched again so soon.
            HubSpotError: HubSpot failed.
            TooManyWaitingError: too many threads wait for it.
            FlightTimeoutError: another thread's or process's load took too long.
        """
        with self._waiting.enter():
            return self._flights.run((key, True), partial(self._refresh, key), self._wait_seconds)

    def _refresh(self, key: DealKey) -> Loaded:
        # A refresh that began before an invalidation is good enough: so soon after it there would be no other.
        errand = Errand(
            _refresh_key(key),
            load=partial(self._reload, key),
            look=partial(self._look_anew, key),
            unknown=partial(self._unknown_now, key),
            look_first=False,
            pause=self._pause,
            lately=_not_so_soon,
        )
        return self._shared.run(errand, Deadline(self._wait_seconds))

    def _reload(self, key: DealKey, deadline: Deadline) -> Fetched[Loaded]:
        token = self._cache.token()
        with self._loads.enter():
            load = self._hubspot.load(key, known_ids=self._known_ids(key), deadline=deadline)
        token = self._announce(key, load, token)
        self._note_refresh(key, load)
        return Fetched(self._kept(key, load.views, token), _end_of(load))

    def _note_refresh(self, key: DealKey, load: HubSpotLoad) -> None:
        deal_id = load.views[View.INFO].deal_id
        self._refreshes.note(key, deal_id)
        if load.stored and deal_id is not None and DealKey("id", deal_id) != key:
            self._shared.note_loaded(_refresh_key(DealKey("id", deal_id)))

    def _look_anew(self, key: DealKey) -> Loaded | None:
        """What another process has refreshed; this one lets go at once what it holds of it, as that one did."""
        token = self._cache.token()
        views = self._stored(key)
        return None if views is None else self._kept(key, views, self._let_go(key, views, token))

    def _unknown_now(self, key: DealKey) -> Loaded:
        token = self._cache.token()
        views = self._hubspot.unknown(key)
        return self._kept(key, views, self._let_go(key, views, token))

    # What both do

    def _stored(self, key: DealKey) -> Loaded | None:
        """All views as MongoDB has them; None if it does not have them, or does not answer."""
        views: Loaded = {}
        for view in View:
            try:
                entry = self._mongodb.read(view, key)
            except (TimelineNotSyncedError, StoreError):
                return None
            if entry is None:
                return None
            views[view] = entry
        return views

    def _known_ids(self, key: DealKey) -> list[str]:
        try:
            return [stored.deal.deal_id for stored in self._mongodb.candidates(key)]
        except StoreError:
            return []  # without MongoDB there is nothing to correct there either

    def _announce(self, key: DealKey, load: HubSpotLoad, token: Token) -> Token:
        """Have all processes let go what is older than ``load``; the token with which it may be kept itself."""
        selection = _selection_of(key, load.views) | Selection.changed(load.changes)
        applied = self._journal.record(selection, load.changes, claim=token)
        return token if applied.token is None else applied.token  # the old one is refused from now on

    def _let_go(self, key: DealKey, views: Loaded, token: Token) -> Token:
        """Let this process alone let go what is older than ``views``; the token with which they may be kept."""
        applied = self._state.apply(_selection_of(key, views), None, claim=token)
        return token if applied.token is None else applied.token

    def _kept(self, key: DealKey, loaded: Loaded, token: Token) -> Loaded:
        for view, entry in loaded.items():
            self._cache.keep(CacheKey.of(view, key), entry, token)
        return loaded


def _selection_of(key: DealKey, views: Loaded) -> Selection:
    """All that the deal may be cached under."""
    entry = views[View.INFO]
    names = [name for name in (entry.deal_name, key.value if key.by == "name" else None) if name]
    return Selection.deals(ids=[entry.deal_id] if entry.deal_id else [], names=names)


def _refresh_key(key: DealKey) -> str:
    """What a refresh is called among processes. Names that differ in case only may be different deals."""
    return f"refresh:{key.by}:{key.value}"


def _end_of(load: HubSpotLoad) -> LoadEnd:
    if load.views[View.INFO].status != 200:
        return LoadEnd.UNKNOWN
    return LoadEnd.LOADED if load.stored else LoadEnd.ABANDONED


def _not_so_soon() -> None:
    raise RecentlyRefreshedError
