"""Everything that keeps MongoDB true to HubSpot."""

from __future__ import annotations

from datetime import datetime, timedelta

from dealcache.api.deal_lists import stage_ids
from dealcache.metrics import Metrics
from dealcache.settings import Settings
from dealcache.sync import Execution, Runner, SyncPolicy, WebhookWorker
from dealcache.sync.lease import LEASE
from dealcache.sync.sink import ChangeSink
from dealcache.wiring.hubspot import HubSpot
from dealcache.wiring.storage import Storage


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
