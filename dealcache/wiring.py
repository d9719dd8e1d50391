"""The larger parts, each made of smaller ones; :mod:`dealcache.app` joins them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dealcache.api.deal_lists import stage_ids
from dealcache.api.recorder import ReadRecorder
from dealcache.breaker import Breaker
from dealcache.deadline import Deadline
from dealcache.deals import Pipeline
from dealcache.figures import Columns, Figures
from dealcache.hubspot import (
    DealLoader,
    Directory,
    HubSpotClient,
    HubSpotError,
    HubSpotSession,
    LocalBudgets,
    MeteredBudgets,
    RateLimited,
    paths_for,
)
from dealcache.metrics import Metrics
from dealcache.repositories import (
    Connection,
    DealInfoRepository,
    DealStore,
    DealTimelineRepository,
    InvalidationFeed,
    InvalidationLog,
    LoadLeaseRepository,
    PipelineRepository,
    StatsExchange,
    StoreError,
    SyncJobRepository,
    SyncStateRepository,
    WebhookEventRepository,
    WorkerRegistry,
)
from dealcache.settings import Settings, SettingsError
from dealcache.sync import (
    Crew,
    Desk,
    Execution,
    Ledger,
    Names,
    Runner,
    Source,
    StopSign,
    SyncPolicy,
    WebhookWorker,
)
from dealcache.sync.lease import LEASE
from dealcache.sync.meter import SyncObserver
from dealcache.sync.sink import ChangeSink
from dealcache.sync.stop import Reason
from dealcache.tiers import MemoryTier, Tier

if TYPE_CHECKING:
    from dealcache.redis_connection import RedisConnection

log = logging.getLogger(__name__)

Clock = Callable[[], float]

#: Calls to HubSpot that readers may have under way at once in one process. One large deal keeps about fifteen busy:
#: seven types being paged, and the batches of the pages before.
_HUBSPOT_THREADS = 32

#: Calls and writes that a sync may have under way at once: enough to use up HubSpot's limits at a second per call.
_SYNC_THREADS = 10

#: Connections to Redis that are listened on, beside those of the request threads.
_LISTENING = 2

#: How long a readiness probe waits for a dependency, in seconds.
_PROBE_SECONDS = 2.0

#: For how long the outcome of a call tells whether HubSpot is there, in seconds; a probe counts against its limits.
_CALL_COUNTS_SECONDS = 5.0


def connect_redis(settings: Settings) -> RedisConnection | None:
    """The way to the Redis that processes share, None when there is none.

    Raises:
        SettingsError: there is one, but the libraries for it are missing.
    """
    if settings.redis_url is None:
        return None
    try:
        import zstandard  # noqa: F401 - missing here rather than at the first value

        from dealcache.redis_connection import RedisConnection  # an extra: not everybody has it
    except ImportError:
        raise SettingsError("REDIS_URL is set, but the extra is missing: pip install 'dealcache[redis]'") from None
    threads = settings.threads + settings.hubspot_waiting_threads + _LISTENING
    return RedisConnection(settings.redis_url, settings.mongodb_database, threads=threads)


def shared_tier(redis: RedisConnection | None, clock: Clock) -> Tier | None:
    """The cache tier between memory and MongoDB that processes share, None without a Redis."""
    if redis is None:
        return None
    from dealcache.tiers.redis import RedisTier  # an extra, as above

    return RedisTier(redis, clock)


class Storage:
    """Everything that reads and writes MongoDB."""

    def __init__(self, settings: Settings) -> None:
        # A job and the webhooks beside it have a crew each.
        threads = settings.threads + settings.hubspot_waiting_threads + 2 * _SYNC_THREADS
        self.connection = Connection(settings.mongodb_uri, settings.mongodb_database, threads=threads)
        self.deals = DealInfoRepository(self.connection)
        self.timelines = DealTimelineRepository(self.connection)
        self.pipelines = PipelineRepository(self.connection)
        self.store = DealStore(self.deals, self.timelines)
        self.sync_jobs = SyncJobRepository(self.connection)
        self.sync_state = SyncStateRepository(self.connection)
        self.webhook_events = WebhookEventRepository(self.connection)
        self.load_leases = LoadLeaseRepository(self.connection)
        # Followers have a connection of their own, and a breaker that never refuses; see InvalidationLog.
        self._following = Connection(settings.mongodb_uri, settings.mongodb_database, threads=4, breaker=Breaker(0.0))
        self.invalidations = InvalidationLog(self.connection, self._following)
        self.invalidation_feed = InvalidationFeed(self._following)
        # On the same: a worker must not pass for dead because its readers have all connections.
        self.workers = WorkerRegistry(self._following)
        self.stats_exchange = StatsExchange(self._following)

    def close(self) -> None:
        """Close all connections to MongoDB."""
        self.connection.close()
        self._following.close()

    def answers(self) -> bool:
        """Whether MongoDB answers."""
        try:
            self.connection.ping(_PROBE_SECONDS)
        except StoreError:
            return False
        return True

    def keep_pipelines(self, pipelines: Iterable[Pipeline], at: datetime) -> None:
        """Store what was read of HubSpot; called while a deal is being loaded, which must not fail because of it."""
        try:
            self.pipelines.save(pipelines, at)
        except StoreError as error:
            log.warning("the pipelines were read from HubSpot but not stored: %s", error)


def own_figures(memory: MemoryTier, recorder: ReadRecorder) -> Figures:
    """What this worker has to tell of its cache."""
    by_tier, failed = recorder.counts()
    return Figures(by_tier, failed, memory.usage(), Columns.of(memory.listing()))


class HubSpot:
    """Everything that asks HubSpot."""

    def __init__(self, settings: Settings, storage: Storage, metrics: Metrics, clock: Clock) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._budgets = LocalBudgets()
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
            self._client.probe(Deadline(_PROBE_SECONDS))
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
            pool_size=_SYNC_THREADS + 1,
            budgets=MeteredBudgets(self._budgets, ledger.waited),
            observer=SyncObserver(self._metrics, ledger),
        )
        executor = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="sync")
        ahead = ThreadPoolExecutor(1, thread_name_prefix="sync-ahead")
        crew = Crew(executor, ahead, _SYNC_THREADS, stop)
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


class Sync:
    """Everything that keeps MongoDB true to HubSpot."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        hubspot: HubSpot,
        metrics: Metrics,
        sink: ChangeSink,
        owner: str,
    ) -> None:
        self.storage = storage
        self.settle = sink.settle
        self.fill_pipelines = hubspot.fill_pipelines
        self.owner = owner
        self.policy = SyncPolicy(
            zone=settings.timeline_timezone,
            horizon=timedelta(seconds=settings.sync_horizon_seconds),
            confirm_after=timedelta(seconds=settings.sync_confirm_seconds),
            interval=timedelta(seconds=settings.sync_interval_seconds),
            reread_calls=settings.sync_reread_calls,
        )
        execution = Execution(
            hubspot.open_desk, storage.sync_jobs, storage.sync_state, self.stage_ids, self.policy, hubspot.now
        )
        self.runner = Runner(
            storage.sync_jobs,
            storage.sync_state,
            execution,
            sink,
            self.owner,
            self.policy.interval,
            hubspot.now,
            metrics.job_ended,
        )
        self.webhooks = WebhookWorker(
            storage.webhook_events, hubspot.open_desk, sink, self.owner, hubspot.now, metrics.hints_followed
        )

    def stage_ids(self, stage: str) -> list[str]:
        """The ids of the stages that a label in any case, or an id, stands for."""
        return sorted(stage_ids(self.storage.pipelines.all(), stage))

    def reservation(self, now: datetime) -> datetime:
        """Until when a job that this process is about to take up is left to it by others."""
        return now + LEASE

    def start(self) -> None:
        """Begin to take up jobs and webhook events. Called after the server has forked."""
        self.runner.start()
        self.webhooks.start()

    def stop(self) -> None:
        """Give back what is under way, and end."""
        self.webhooks.stop()
        self.runner.stop()
