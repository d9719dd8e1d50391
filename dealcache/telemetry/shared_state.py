"""Metrics of what all workers share and each of them looks at: MongoDB's contents, dependencies, the day's calls."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from dealcache.model.jobs import JobType

#: Those that each worker asks every few seconds; HubSpot is only probed while a client asks for the status.
DEPENDENCIES = ("mongodb", "redis")


class SharedStateMetrics:
    """The part of :class:`.Metrics` that shows the same whichever worker looks.

    Each worker looks every few seconds. Times never fall, and a worker that has not looked yet has 0, so the maximum
    counts; of values that may fall, the most recent.

    Args:
        registry: gets the metrics.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._daily_left = self._gauge(
            "hubspot_daily_calls_left", "Calls that HubSpot's limit of the day leaves", "livemostrecent"
        )
        self._daily_limit = self._gauge(
            "hubspot_daily_calls_limit", "HubSpot's limit of calls in a day; 0: not known yet", "livemostrecent"
        )
        # A worker that cannot reach a dependency fails its readers, whatever the others can.
        self._down = self._gauge(
            "dependency_down",
            "1 while a dependency does not answer; 0 for one that is not used",
            "livemax",
            "dependency",
        )
        for dependency in DEPENDENCIES:
            self._down.labels(dependency)
        self.sync_interval = self._gauge(
            "sync_interval_seconds", "SYNC_INTERVAL_SECONDS: seconds between automatic syncs; 0: none", "livemax"
        )
        self._data_as_of = self._gauge(
            "data_as_of_timestamp_seconds", "Up to when HubSpot's changes are known; 0: not at all", "livemax"
        )
        self._timelines_missing = self._gauge(
            "timelines_missing", "Deals whose activities were never read", "livemostrecent"
        )
        self._jobs_waiting = self._gauge("sync_jobs_waiting", "Sync jobs that wait", "livemostrecent")
        self._jobs_running = self._gauge("sync_jobs_running", "Sync jobs that run, of all instances", "livemostrecent")
        self._last_success = self._gauge(
            "sync_last_success_timestamp_seconds",
            "When the last sync job of a type was completed; 0: never",
            "livemax",
            "type",
        )
        for kind in JobType:
            self._last_success.labels(kind)
        self._pending = self._gauge("webhook_events_pending", "Webhook events that wait", "livemostrecent")
        self._oldest = self._gauge(
            "webhook_oldest_pending_seconds", "Age of the oldest webhook event that waits", "livemostrecent"
        )
        self._set_aside = self._gauge(
            "webhook_events_set_aside", "Webhook events that failed for a day", "livemostrecent"
        )

    def _gauge(self, name: str, text: str, mode: str, *labels: str) -> Gauge:
        return Gauge(f"dealcache_{name}", text, labels, registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def daily_calls(self, left: int | None, limit: int | None) -> None:
        """Show the calls that HubSpot's limit of the day leaves, and the limit; None while unknown."""
        self._daily_left.set(left or 0)
        self._daily_limit.set(limit or 0)

    def dependency_seen(self, dependency: str, *, answers: bool) -> None:
        """Show whether a dependency answers, one of :data:`DEPENDENCIES`."""
        self._down.labels(dependency).set(not answers)

    def database_seen(
        self,
        as_of: float | None,
        timelines_missing: int,
        jobs_waiting: int,
        jobs_running: int,
        last_success: Mapping[str, float],
    ) -> None:
        """Show the state of the database.

        Args:
            as_of: up to when HubSpot's changes are known, epoch seconds; None if unknown.
            timelines_missing: how many deals' activities were never read.
            jobs_waiting: how many sync jobs wait.
            jobs_running: how many run.
            last_success: when the last sync job of each type was completed, epoch seconds.
        """
        self._data_as_of.set(as_of or 0.0)
        self._timelines_missing.set(timelines_missing)
        self._jobs_waiting.set(jobs_waiting)
        self._jobs_running.set(jobs_running)
        for kind, at in last_success.items():
            self._last_success.labels(kind).set(at)

    def webhook_backlog(self, pending: int, oldest_seconds: float, set_aside: int) -> None:
        """Show how many webhook events wait, how long the oldest has waited, and how many were set aside."""
        self._pending.set(pending)
        self._oldest.set(oldest_seconds)
        self._set_aside.set(set_aside)
