"""Everything that asks HubSpot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from dealcache.deadline import Deadline
from dealcache.hubspot import (
    Budgets,
    DealLoader,
    Directory,
    HubSpotClient,
    HubSpotError,
    HubSpotSession,
    MeteredBudgets,
    RateLimited,
    paths_for,
)
from dealcache.metrics import Metrics
from dealcache.settings import Settings
from dealcache.sync import Crew, Desk, Ledger, Names, Source, StopSign
from dealcache.sync.meter import SyncObserver
from dealcache.sync.stop import Reason
from dealcache.wiring.numbers import PROBE_SECONDS, SYNC_THREADS
from dealcache.wiring.storage import Storage

#: Calls to HubSpot that readers may have under way at once in one process. One large deal keeps about fifteen busy:
#: seven types being paged, and the batches of the pages before.
_HUBSPOT_THREADS = 32

#: For how long the outcome of a call tells whether HubSpot is there, in seconds; a probe counts against its limits.
_CALL_COUNTS_SECONDS = 5.0


class HubSpot:
    """Everything that asks HubSpot."""

    def __init__(
        self, settings: Settings, storage: Storage, metrics: Metrics, clock: Callable[[], float], budgets: Budgets
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._budgets = budgets
        self._paths = paths_for(settings.hubspot_api_version)
        self._executor = ThreadPoolExecutor(_HUBSPOT_THREADS, thread_name_prefix="hubspot")
        self._session = HubSpotSession(
            settings.hubspot_base_url,
            settings.hubspot_access_token,
            pool_size=_HUBSPOT_THREADS,
            budgets=self._budgets,
            observer=metrics,
        )
        self._client = HubSpotClient(self._session, self._paths)
        self._directory = Directory(
            self._client, on_pipelines=lambda pipelines: storage.keep_pipelines(pipelines, self.now())
        )
        self._names = Names(self._directory, self._executor)
        self._storage = storage
        self.loader = DealLoader(self._client, self._directory, executor=self._executor, now=self.now)

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def fill_pipelines(self) -> None:
        """Read the pipelines if MongoDB has none, so that stages have names before the first deal is read."""
        if not self._storage.pipelines.all():
            self._storage.pipelines.save(self._directory.pipelines.get(self._executor).result(), self.now())

    def refresh_pipelines(self) -> None:
        """Read the pipelines again, unless that was done within the last minute."""
        reading = self._directory.pipelines.refreshed(self._executor)
        if reading is not None:
            reading.result()

    def answers(self) -> bool:
        """Whether HubSpot answers and knows us: as the last call went, or, if that was long ago, as a probe goes."""
        last = self._session.health
        if last is not None and time.monotonic() - last.at < _CALL_COUNTS_SECONDS:
            return last.failure is None or isinstance(last.failure, RateLimited)
        try:
            self._client.probe(Deadline(PROBE_SECONDS))
        except RateLimited:
            return True
        except HubSpotError:
            return False
        return True

    @contextmanager
    def open_desk(self, ledger: Ledger, stop: StopSign) -> Iterator[Desk]:
        """What one sync works with: connections and threads of its own, the budgets of all."""
        session = HubSpotSession(
            self._settings.hubspot_base_url,
            self._settings.hubspot_access_token,
            pool_size=SYNC_THREADS + 1,
            budgets=MeteredBudgets(self._budgets, ledger.waited),
            observer=SyncObserver(self._metrics, ledger),
        )
        executor = ThreadPoolExecutor(SYNC_THREADS, thread_name_prefix="sync")
        ahead = ThreadPoolExecutor(1, thread_name_prefix="sync-ahead")
        crew = Crew(executor, ahead, SYNC_THREADS, stop)
        source = Source(HubSpotClient(session, self._paths), self._names, ledger, stop)
        try:
            yield Desk(source, crew, self._storage.deals, self._storage.timelines, ledger, self.now)
        finally:
            crew.abandon()
            # A process that ends must not wait for HubSpot; a job that ends must not write any more.
            for pool in (ahead, executor):
                pool.shutdown(wait=stop.reason is not Reason.SHUTDOWN, cancel_futures=True)
            session.close()

    def close(self) -> None:
        """End the pool and close the connections; calls under way end by themselves."""
        # Not cancel_futures: it wakes nobody up who waits for the futures it cancels.
        self._executor.shutdown(wait=False)
        self._session.close()
