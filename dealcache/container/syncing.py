"""Wiring of the sync: jobs and webhook events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from dealcache.sync.context import SyncContexts
from dealcache.sync.deal_reread import DealReread
from dealcache.sync.event_processor import WebhookEventProcessor
from dealcache.sync.job_executor import JobExecutor, SyncPolicy
from dealcache.sync.job_runner import JobRunner
from dealcache.sync.webhook_worker import WebhookWorker

if TYPE_CHECKING:
    from dealcache.container.container import Container


def wire_syncing(parts: Container) -> tuple[JobRunner, WebhookWorker]:
    """Make what works off jobs and webhook events, on top of MongoDB, HubSpot and the invalidation log."""
    contexts = SyncContexts(
        parts.hubspot,
        parts.storage,
        parts.check_account,
        parts.labels.look_up_of,
        parts.label_directory.current,
        parts.now,
        parts.people.storage,
    )
    event_processor = WebhookEventProcessor(
        parts.storage.webhook_events,
        contexts.open,
        parts.publisher,
        parts.membership.owner,
        parts.metrics.webhook_events.inc,
        parts.metrics.shared_state.webhook_backlog,
        parts.now,
    )
    return _make_runner(parts, contexts), WebhookWorker(event_processor, parts.account.may_work)


def _make_runner(parts: Container, contexts: SyncContexts) -> JobRunner:
    settings, storage = parts.settings, parts.storage
    policy = SyncPolicy(
        zone=settings.timeline_timezone,
        horizon=timedelta(seconds=settings.sync_horizon_seconds),
        confirm_after=timedelta(seconds=settings.sync_confirm_seconds),
        interval=timedelta(seconds=settings.sync_interval_seconds),
        reread_calls=settings.sync_reread_calls,
    )
    executor = JobExecutor(
        partial(contexts.open, tolerant=True),
        storage.sync_jobs,
        storage.sync_state,
        lambda stage: sorted(storage.labels.read().stage_ids(stage)),
        parts.labels.read_all,
        policy,
        DealReread(storage.sync_state, parts.further_properties.reading),
        parts.now,
        lambda: datetime.fromtimestamp(parts.hubspot.time(), UTC),
    )
    return JobRunner(
        storage.sync_jobs,
        storage.sync_state,
        executor,
        parts.publisher,
        parts.membership.owner,
        policy.interval,
        parts.now,
        parts.metrics.job_ended,
        parts.account.may_work,
        parts.hubspot.has_calls,
    )
