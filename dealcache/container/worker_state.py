"""The state of this worker, for its own answers, for other workers, and for the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dealcache.cluster import reports
from dealcache.cluster.statistics import Statistics
from dealcache.cluster.status import as_of
from dealcache.cluster.status_monitor import Snapshot
from dealcache.hubspot.limits.buckets import Bucket
from dealcache.repositories import Overview

if TYPE_CHECKING:
    from dealcache.container.container import Container


class WorkerState:
    """Gathers the state of this worker from its parts.

    Args:
        parts: the parts of the process.
    """

    def __init__(self, parts: Container) -> None:
        self._parts = parts

    def statistics(self) -> Statistics:
        """Return the statistics of reads and of the memory tier."""
        parts = self._parts
        # First: invalidations after it may or may not show in the rest.
        generation = parts.publisher.applied
        by_tier, failed = parts.recorder.counts()
        return Statistics(by_tier, failed, parts.memory.usage(), generation, parts.memory.columns())

    def report(self) -> reports.WorkerReport:
        """Return the report that this worker gives with its signs of life."""
        parts = self._parts
        by_tier, _ = parts.recorder.counts()
        daily = parts.hubspot.daily_calls
        known = None if daily.left is None else reports.DailyCalls(daily.left, daily.limit, daily.age())
        shares = {bucket: left for bucket, (left, _) in self.calls().items()} if parts.redis is None else {}
        latencies, outcome = parts.recorder.latencies.last_minute(), parts.hubspot_probe.last_outcome()
        return reports.WorkerReport(by_tier, parts.memory.usage(), latencies, shares, known, outcome)

    def encoded_report(self) -> bytes:
        """Return :meth:`report` as a message."""
        return reports.encode(self.report())

    def calls(self) -> dict[str, tuple[int, int]]:
        """Return the calls left now of each of HubSpot's limits, and the limit."""
        limits = self._parts.hubspot.rate_limits
        return {one.value: (limits[one].left(), limits[one].limit) for one in Bucket}

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Update the metrics of the dependencies, of the database, and of the calls left today."""
        shown = self._parts.metrics.shared_state
        shown.down.labels("mongodb").set(snapshot.overview is None)
        shown.down.labels("redis").set(snapshot.redis is False)
        if (daily := self._parts.status.daily_calls()) is not None:
            shown.daily_left.set(daily.left or 0)
            shown.daily_limit.set(daily.limit or 0)
        if snapshot.overview is not None:
            self._show_overview(snapshot.overview)

    def _show_overview(self, overview: Overview) -> None:
        shown, moment = self._parts.metrics.shared_state, as_of(overview, self._parts.now())
        shown.data_as_of.set(0.0 if moment is None else moment.timestamp())
        shown.timelines_missing.set(overview.timelines_missing)
        shown.jobs_waiting.set(overview.jobs.queued)
        shown.jobs_running.set(overview.jobs.running is not None)
        for kind, at in overview.state.completed.items():
            shown.last_success.labels(kind).set(at.timestamp())
