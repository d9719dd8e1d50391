"""The parts of the service that blueprints use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from flask import Flask, current_app

from dealcache.api.cross_site import CrossSiteGuard
from dealcache.api.recorder import ReadRecorder
from dealcache.api.webhook_guard import WebhookGuard
from dealcache.cluster import ClusterStatistics, ServiceStatus
from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.live import Hub
from dealcache.reader import DealReader, MongoSource
from dealcache.reader.account import AccountGuard
from dealcache.reader.activity_summary import ActivitySummaries
from dealcache.reader.deal_list import DealLists
from dealcache.reader.stage_histories import StageHistories
from dealcache.repositories.storage import Storage
from dealcache.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """The settings that the status shows.

    Args:
        sync_interval: seconds between two automatic syncs.
        webhooks: whether webhooks are enabled.
        redis: whether there is a Redis.
        time_zone: the zone of the days that answers show.
        max_data_age: the age in seconds from which data is read again in the background; 0: never.
        stage_history: True if the history of deals' stages is known.
    """

    sync_interval: float
    webhooks: bool
    redis: bool
    time_zone: str
    max_data_age: float
    stage_history: bool = False


class Services(Protocol):
    """The parts of the container that blueprints use.

    ``cache_ttl`` is in seconds, ``clock`` returns epoch seconds, and ``now`` the same as a time in UTC.

    ``stage_histories`` is None while stage history is off, ``own_properties`` are the own properties that are
    configured; ``names_people`` tells whether names of people are wanted. ``dependencies`` has functions, by name, that
    return whether a dependency answers; ``wake_sync`` and ``wake_webhooks`` announce work in MongoDB.
    """

    reader: DealReader
    mongodb: MongoSource
    storage: Storage
    deal_lists: DealLists
    activity_summaries: ActivitySummaries
    stage_histories: StageHistories | None
    statistics: ClusterStatistics
    status: ServiceStatus
    status_facts: StatusFacts
    account: AccountGuard
    labels: LabelRefresher
    live: Hub
    recorder: ReadRecorder
    metrics: Metrics
    guard: CrossSiteGuard
    webhook_guard: WebhookGuard
    zone: tzinfo
    cache_ttl: float
    own_properties: tuple[str, ...]
    names_people: bool
    clock: Callable[[], float]

    @property
    def dependencies(self) -> Mapping[str, Callable[[], bool]]: ...

    def now(self) -> datetime: ...

    def wake_sync(self) -> None: ...

    def wake_webhooks(self) -> None: ...


def install_services(app: Flask, services: Services) -> None:
    """Make ``services`` those of ``app``."""
    app.extensions["dealcache"] = services


def services() -> Services:
    """Return the services of the app that answers the current request."""
    wired: Services = current_app.extensions["dealcache"]
    return wired
