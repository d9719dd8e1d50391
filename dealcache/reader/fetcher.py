"""Fetches deals from HubSpot: each once at a time, for all threads of all processes.

When a method returns, the fetched deals are in MongoDB and in the cache tiers, unless they were invalidated meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from cachetools import TTLCache

from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey
from dealcache.reader.answers import Loaded
from dealcache.reader.bulkhead import Bulkhead, BulkheadFullError
from dealcache.reader.cluster_flight import ClusterFlight
from dealcache.reader.load_request import LoadRequest, RefreshRequest, RequestContext
from dealcache.reader.single_flight import SingleFlight
from dealcache.tiers import View

#: The most refreshed deals to remember; one that is forgotten may be fetched again too soon.
_REMEMBERED = 10_000


class Fetcher:
    """Fetches deals. Thread-safe.

    Args:
        context: what loads work with.
        cluster: coordinates loads with other processes.
        waiting: bounds the threads that wait for HubSpot, for a load of their own or of another thread. A batch counts
            as one, however many deals it waits for.
        wait_seconds: how long a thread waits at most, for its own load and those of others.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        context: RequestContext,
        cluster: ClusterFlight,
        waiting: Bulkhead,
        wait_seconds: float,
        timer: Callable[[], float],
    ) -> None:
        self._context = context
        self._cluster = cluster
        self._waiting = waiting
        self._wait_seconds = wait_seconds
        #: The deals that were just refreshed, by the keys that they were asked for and by their ids.
        self._refreshed: TTLCache[DealKey, bool] = TTLCache(_REMEMBERED, RefreshRequest.pause.total_seconds(), timer)
        self._lock = threading.Lock()

    def fetch(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], *, memory_counts: bool
    ) -> dict[DealKey, Loaded | Exception]:
        """Fetch deals that no tier has.

        Args:
            keys: the deals: names, or one key of either kind.
            known_ids: for some of them, ids that MongoDB knows under the name.
            memory_counts: whether a deal that memory has by now need not be fetched.

        Returns:
            For each deal its views, or why there are none: HubSpotError; BulkheadFullError if too many threads wait for
            HubSpot; FlightTimeoutError if the load of another thread or process took too long; or any other exception
            of the thread that led the load.
        """

        def request(led: Sequence[DealKey]) -> LoadRequest:
            made = LoadRequest(led, known_ids, self._context)
            if memory_counts:
                made.take_fresh()
            return made

        return self._run(self._context.cache.fetches, keys, request)

    def refreshed_lately(self, key: DealKey) -> bool:
        """Return True if this process fetched the deal too recently to fetch it again."""
        with self._lock:
            return key in self._refreshed

    def refresh(self, key: DealKey) -> Loaded:
        """Fetch a deal whatever the tiers hold; they drop what they hold of it under any key.

        Raises:
            RecentlyRefreshedError: another process fetched it a moment ago.
            Exception: see :meth:`fetch`.
        """
        request = RefreshRequest(key, self._context)
        outcome = self._run(self._context.cache.refreshes, [key], lambda _led: request)[key]
        if isinstance(outcome, Exception):
            raise outcome
        if request.stored is not None:
            self._note_refresh(key, outcome[View.INFO].deal_id, request.stored)
        return outcome

    def _note_refresh(self, key: DealKey, deal_id: str | None, stored: bool) -> None:
        by_id = key if deal_id is None else DealKey("id", deal_id)
        with self._lock:
            self._refreshed[key] = self._refreshed[by_id] = True
        if stored and by_id != key:
            self._cluster.note_loaded(RefreshRequest.lease_name(by_id))

    def _run(
        self,
        flights: SingleFlight[DealKey, Loaded],
        keys: Collection[DealKey],
        request: Callable[[Sequence[DealKey]], LoadRequest],
    ) -> dict[DealKey, Loaded | Exception]:
        deadline = Deadline(self._wait_seconds)

        def work(led: Sequence[DealKey]) -> dict[DealKey, Loaded | Exception]:
            made = request(led)
            self._cluster.run(made, deadline)
            return made.outcomes

        try:
            with self._waiting.enter():
                return flights.run(keys, work, deadline)
        except BulkheadFullError as failure:
            return dict.fromkeys(keys, failure)
