"""The parts of the service that blueprints use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Protocol

from flask import Flask, current_app

from dealcache.api.cross_site import CrossSiteGuard
from dealcache.api.recorder import ReadRecorder
from dealcache.api.webhook_guard import WebhookGuard
from dealcache.cluster import ClusterStatistics, ServiceStatus, StatusMonitor
from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.live import Hub
from dealcache.reader.account import AccountGuard
from dealcache.reader.activity_summary import ActivitySummaries
from dealcache.reader.deal_list import DealLists
from dealcache.reader.mongodb import MongoSource
from dealcache.reader.reader import DealReader
from dealcache.reader.stage_histories import StageHistories
from dealcache.repositories.storage import Storage
from dealcache.settings import Settings
from dealcache.telemetry.metrics import Metrics


class Services(Protocol):
    """The parts of the container that blueprints use.

    ``clock`` returns epoch seconds, and ``now`` the same as a time in UTC. ``stage_histories`` is None while stage
    history is off, ``own_properties`` are the own properties that are configured; ``names_people`` tells whether names
    of people are wanted. ``dependencies`` has functions, by name, that return whether a dependency answers;
    ``wake_sync`` and ``wake_webhooks`` announce work in MongoDB.
    """

    settings: Settings
    reader: DealReader
    mongodb: MongoSource
    storage: Storage
    deal_lists: DealLists
    activity_summaries: ActivitySummaries
    stage_histories: StageHistories | None
    statistics: ClusterStatistics
    status: ServiceStatus
    status_monitor: StatusMonitor
    account: AccountGuard
    labels: LabelRefresher
    live: Hub
    recorder: ReadRecorder
    metrics: Metrics
    guard: CrossSiteGuard
    webhook_guard: WebhookGuard
    zone: tzinfo
    own_properties: tuple[str, ...]
    names_people: bool
    clock: Callable[[], float]
    dependencies: dict[str, Callable[[], bool]]
    wake_sync: Callable[[], None]
    wake_webhooks: Callable[[], None]

    def now(self) -> datetime: ...


def install_services(app: Flask, services: Services) -> None:
    """Make ``services`` those of ``app``."""
    app.extensions["dealcache"] = services


def services() -> Services:
    """Return the services of the app that answers the current request."""
    wired: Services = current_app.extensions["dealcache"]
    return wired
