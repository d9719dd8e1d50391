"""Everything that reads and writes MongoDB."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from dealcache.breaker import Breaker
from dealcache.deals import Pipeline
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
from dealcache.settings import Settings
from dealcache.wiring.numbers import PROBE_SECONDS, SYNC_THREADS

log = logging.getLogger(__name__)


class Storage:
    """Everything that reads and writes MongoDB."""

    def __init__(self, settings: Settings) -> None:
        # A job and the webhooks beside it have a crew each.
        threads = settings.threads + settings.hubspot_waiting_threads + 2 * SYNC_THREADS
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
            self.connection.ping(PROBE_SECONDS)
        except StoreError:
            return False
        return True

    def keep_pipelines(self, pipelines: Iterable[Pipeline], at: datetime) -> None:
        """Store what was read of HubSpot; called while a deal is being loaded, which must not fail because of it."""
        try:
            self.pipelines.save(pipelines, at)
        except StoreError as error:
            log.warning("the pipelines were read from HubSpot but not stored: %s", error)
