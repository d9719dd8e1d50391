"""What the blueprints work with, wired once in :mod:`dealcache.app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from flask import current_app

from dealcache.api.access import Tokens
from dealcache.api.cors import Cors
from dealcache.api.recorder import ReadRecorder
from dealcache.api.webhook_guard import WebhookGuard
from dealcache.figures import Summary
from dealcache.live import Hub
from dealcache.metrics import Metrics
from dealcache.reader import BatchReader, DealReader, MongoSource
from dealcache.repositories import (
    DealInfoRepository,
    DealTimelineRepository,
    PipelineRepository,
    SyncJobRepository,
    WebhookEventRepository,
)

#: What is cached, of the keys with a prefix so many at most.
Statistics = Callable[[str, int], Summary]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the service that HTTP speaks to. ``cache_ttl`` is in seconds, ``clock`` the wall clock.

    ``stats_here`` tells what this worker caches, ``stats_everywhere`` what all do; neither raises when MongoDB is away.
    ``dependencies`` tell by name whether they answer. ``wake_sync`` and ``wake_webhooks`` say that there is work in
    MongoDB; ``refresh_pipelines`` has HubSpot's pipelines stored as they are now; it raises HubSpotError or StoreError.
    """

    reader: DealReader
    batches: BatchReader
    mongodb: MongoSource
    stats_here: Statistics
    stats_everywhere: Statistics
    deals: DealInfoRepository
    timelines: DealTimelineRepository
    pipelines: PipelineRepository
    sync_jobs: SyncJobRepository
    wake_sync: Callable[[], None]
    refresh_pipelines: Callable[[], None]
    webhook_events: WebhookEventRepository
    wake_webhooks: Callable[[], None]
    webhook_guard: WebhookGuard
    recorder: ReadRecorder
    metrics: Metrics
    dependencies: dict[str, Callable[[], bool]]
    tokens: Tokens
    cors: Cors
    live: Hub
    zone: tzinfo
    cache_ttl: float
    clock: Callable[[], float]


def services() -> Services:
    """The services of the app that answers the current request."""
    wired: Services = current_app.extensions["dealcache"]
    return wired
