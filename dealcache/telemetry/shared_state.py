"""Metrics of what all workers share and each of them looks at: MongoDB's contents, dependencies, the day's calls."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Gauge

from dealcache.model.jobs import JobType

#: Those that each worker asks every few seconds; HubSpot is only probed while a client asks for the status.
DEPENDENCIES = ("mongodb", "redis")


class SharedStateMetrics:
    """The part of :class:`.Metrics` that shows the same whichever worker looks.

    Each worker looks every few seconds. Times never fall, and a worker that has not looked yet has 0, so the maximum
    counts; of values that may fall, the most recent.

    Args:
        gauge: makes a gauge of a name, a description, a mode and names of labels.
    """

    def __init__(self, gauge: Callable[..., Gauge]) -> None:
        self.daily_left = gauge(
            "hubspot_daily_calls_left", "Calls that HubSpot's limit of the day leaves", "livemostrecent"
        )
        self.daily_limit = gauge(
            "hubspot_daily_calls_limit", "HubSpot's limit of calls in a day; 0: not known yet", "livemostrecent"
        )
        # A worker that cannot reach a dependency fails its readers, whatever the others can.
        self.down = gauge(
            "dependency_down",
            "1 while a dependency does not answer; 0 for one that is not used",
            "livemax",
            "dependency",
        )
        for dependency in DEPENDENCIES:
            self.down.labels(dependency)
        self.sync_interval = gauge(
            "sync_interval_seconds", "SYNC_INTERVAL_SECONDS: seconds between automatic syncs; 0: none", "livemax"
        )
        self.data_as_of = gauge(
            "data_as_of_timestamp_seconds", "Up to when HubSpot's changes are known; 0: not at all", "livemax"
        )
        self.timelines_missing = gauge("timelines_missing", "Deals whose activities were never read", "livemostrecent")
        self.jobs_waiting = gauge("sync_jobs_waiting", "Sync jobs that wait", "livemostrecent")
        self.jobs_running = gauge("sync_jobs_running", "Sync jobs that run, of all instances", "livemostrecent")
        self.last_success = gauge(
            "sync_last_success_timestamp_seconds",
            "When the last sync job of a type was completed; 0: never",
            "livemax",
            "type",
        )
        for kind in JobType:
            self.last_success.labels(kind)
        self._pending = gauge("webhook_events_pending", "Webhook events that wait", "livemostrecent")
        self._oldest = gauge(
            "webhook_oldest_pending_seconds", "Age of the oldest webhook event that waits", "livemostrecent"
        )
        self._set_aside = gauge("webhook_events_set_aside", "Webhook events that failed for a day", "livemostrecent")

    def webhook_backlog(self, pending: int, oldest_seconds: float, set_aside: int) -> None:
        """Show how many webhook events wait, how long the oldest has waited, and how many were set aside."""
        self._pending.set(pending)
        self._oldest.set(oldest_seconds)
        self._set_aside.set(set_aside)
