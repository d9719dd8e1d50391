"""Fetches deals from HubSpot: each once at a time, for all threads of all processes.

When a method returns, the fetched deals are in MongoDB and in the cache tiers, unless they were invalidated meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey
from dealcache.reader.bulkhead import Bulkhead, BulkheadFullError
from dealcache.reader.cluster_flight import ClusterFlight
from dealcache.reader.load_request import LoadRequest, RefreshRequest, RequestContext, refresh_name
from dealcache.reader.state import Loaded
from dealcache.reader.throttles import RefreshThrottle
from dealcache.tiers import View


class Fetcher:
    """Fetches deals. Thread-safe.

    Args:
        context: what loads work with.
        cluster: coordinates loads with other processes.
        waiting: bounds the threads that wait for HubSpot, for a load of their own or of another thread. A batch counts
            as one, however many deals it waits for.
        wait_seconds: how long a thread waits at most, for its own load and those of others.
        refresh_pause: seconds for which a refreshed deal is not fetched again.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        context: RequestContext,
        cluster: ClusterFlight,
        waiting: Bulkhead,
        wait_seconds: float,
        refresh_pause: float,
        timer: Callable[[], float],
    ) -> None:
        self._context = context
        self._flights = context.state.hubspot_flights
        self._cluster = cluster
        self._waiting = waiting
        self._wait_seconds = wait_seconds
        self._pause = refresh_pause
        self._throttle = RefreshThrottle(refresh_pause, timer)

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

        return self._run(keys, request, refresh=False)

    def refreshed_lately(self, key: DealKey) -> bool:
        """Return True if this process fetched the deal too recently to fetch it again."""
        return self._throttle.lately(key)

    def refresh(self, key: DealKey) -> Loaded:
        """Fetch a deal whatever the tiers hold; they drop what they hold of it under any key.

        Raises:
            RecentlyRefreshedError: another process fetched it a moment ago.
            Exception: see :meth:`fetch`.
        """
        request = RefreshRequest(key, self._pause, self._context)
        outcome = self._run([key], lambda _led: request, refresh=True)[key]
        if request.loaded is not None and isinstance(outcome, dict):
            self._note_refresh(key, outcome, request.loaded.stored)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _note_refresh(self, key: DealKey, views: Loaded, stored: bool) -> None:
        deal_id = views[View.INFO].deal_id
        self._throttle.note(key, deal_id)
        if stored and deal_id is not None and DealKey("id", deal_id) != key:
            self._cluster.note_loaded(refresh_name(DealKey("id", deal_id)))

    def _run(
        self, keys: Collection[DealKey], request: Callable[[Sequence[DealKey]], LoadRequest], *, refresh: bool
    ) -> dict[DealKey, Loaded | Exception]:
        deadline = Deadline(self._wait_seconds)

        def work(led: Sequence[tuple[DealKey, bool]]) -> dict[tuple[DealKey, bool], Loaded | Exception]:
            made = request([key for key, _ in led])
            self._cluster.run(made, deadline)
            return {(key, refresh): outcome for key, outcome in made.outcomes.items()}

        try:
            with self._waiting.enter():
                outcomes = self._flights.run_many([(key, refresh) for key in keys], work, deadline)
        except BulkheadFullError as failure:
            return dict.fromkeys(keys, failure)
        return {key: outcome for (key, _), outcome in outcomes.items()}
