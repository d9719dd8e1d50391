"""The metrics for Prometheus. Every one is listed in docs/operations.md; a test keeps the two together.

With several workers each process writes its values into files of ``PROMETHEUS_MULTIPROC_DIR``, which
``gunicorn.conf.py`` sets before this module is imported, and :meth:`Metrics.render` adds up what all of them wrote; see
``dealcache.telemetry.metric_files``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.registry import Collector

from dealcache.telemetry import metric_files
from dealcache.telemetry.shared_state import SharedStateMetrics
from dealcache.tiers import Usage

#: Upper bounds of the buckets of a read's duration, in seconds.
READ_BUCKETS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1, 2.5, 5, 10, 20),
)
_SLOW = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 20)


# Label values of which an alarm or a chart needs the first event: Prometheus sees no increase in a series that begins
# with it, so each of these series begins with 0.

#: The outcomes of re-reads.
REREAD_OUTCOMES = ("refreshed", "gone", "unneeded", "failed", "skipped")

#: Statuses of answers that failed because of the service or of what it depends on.
SERVER_ERRORS = ("500", "502", "503", "504")

#: HubSpot's statuses when the token is invalid or revoked, and when it lacks a scope.
TOKEN_REFUSALS = ("401", "403")


class CountedHistogram(Histogram):
    """A histogram that also takes many observations at once, as counts of its buckets."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """Add observations.

        Args:
            counts: how many there are in each bucket, the one without a bound last.
            total: the sum of the observations.
        """
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


M = TypeVar("M", Counter, Gauge, CountedHistogram)


class _AllWorkers(Collector):
    """Collects the metrics from the files of all workers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        return metric_files.collect(self._directory)


class Metrics:
    """The service's metrics. Parts get the metric that they report to, or the function that reports to it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._children: dict[tuple[object, ...], Any] = {}
        self.shared_state = SharedStateMetrics(self._gauge)
        #: ``route`` is the rule that matched, never the path as it came.
        self.request_finished = self._tally("requests", "HTTP requests by route and status", "route", "status")
        #: ``tier`` is ``error`` when none could answer.
        self.reads_finished = self._tally("reads", "Reads by view and the tier that answered", "view", "tier")
        self.lane_hits = self._counter("lane_hits", "Hits that the event loop answered by itself, without a thread")
        self._read_seconds = self._histogram(
            "read_seconds", "Time of a read by the tier that answered", READ_BUCKETS, "tier"
        )
        self._entries = self._gauge("cache_entries", "Entries in the memory tier", "livesum")
        self._bytes = self._gauge("cache_bytes", "Bytes in the memory tier", "livesum")
        self._max_bytes = self._gauge("cache_max_bytes", "The bound on the bytes in the memory tier", "livesum")
        self._evictions = self._counter("cache_evictions", "Entries given up to stay within the byte bound")
        self.flight_waits = self._counter("single_flight_waits", "Times a thread waited for another one's load")
        self.shared_flight_waits = self._counter("shared_flight_waits", "Times a process waited for another one's load")
        self.hubspot_waiting = self._gauge("hubspot_waiting_threads", "Threads that wait for HubSpot", "livesum")
        self._calls = self._counter("hubspot_calls", "Calls to HubSpot by endpoint and status", "endpoint", "status")
        self._call_seconds = self._histogram("hubspot_call_seconds", "Time of a call to HubSpot", _SLOW, "endpoint")
        self._refused = self._tally(
            "hubspot_refusals", "Calls that HubSpot refused because of the token (401) or its scopes (403)", "status"
        )
        for status in TOKEN_REFUSALS:
            self._refused(status, count=0)
        self.retried = self._tally("hubspot_retries", "Retried calls by endpoint and reason", "endpoint", "reason")
        # The most recent: an old value of a worker that has made no call since means nothing.
        self._calls_left = self._gauge(
            "hubspot_budget_left", "Calls that a rate limit still allows in its window", "livemostrecent", "bucket"
        )
        self._rereads = self._counter(
            "rereads", "Deals that were to be read again because their data was old, by outcome", "outcome"
        )
        for outcome in REREAD_OUTCOMES:
            self._rereads.labels(outcome)
        self.job_ended = self._tally("sync_jobs", "Sync jobs that ended, by type and status", "type", "status")
        self.connection_dropped = self._tally(
            "connections_dropped",
            "HTTP connections closed to make room, or because an answer was not taken, by reason",
            "reason",
        )
        self.webhook_events = self._counter("webhook_events", "Webhook events whose records were processed")
        self.webhook_events_dropped = self._tally(
            "webhook_events_dropped", "Webhook events that were dropped", "reason"
        )
        self.record_unreadable = self._tally(
            "unreadable_records",
            "Records that could not be read, stored or shown as they are, each once in a process, by type",
            "type",
        )
        self.live_clients = self._gauge("live_clients", "Clients of live updates", "livesum").set
        messages = self._counter("live_messages", "Updates handed to clients, each counted for each of them")
        self.live_messages = messages.inc
        self.live_dropped = self._tally("live_dropped", "Clients of live updates given up, by reason", "reason")
        self.log_lines_dropped = self._counter(
            "log_lines_dropped", "Log lines that were not written because the reader was too slow"
        )
        self.invalidations_recorded = self._counter("invalidations_recorded", "Entries added to the invalidation log")
        self.invalidations_applied = self._counter(
            "invalidations_applied", "Entries of the invalidation log applied, by each worker"
        )
        self.followed_until = self._gauge(
            "followed_until_timestamp_seconds",
            "Until when the worker that lags most knows all invalidations",
            "livemin",
        )
        self.followed_until.set_to_current_time()  # a new worker has missed nothing, and 0 would raise an alarm
        self.workers = self._gauge("workers", "Live processes of all instances", "livemax")
        # The master counts them, see dealcache.telemetry.metric_files.
        Counter(*metric_files.LOST, registry=self.registry)
        self._evicted_so_far = 0
        self._lock = threading.Lock()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"dealcache_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, mode: str, *labels: str) -> Gauge:
        return Gauge(f"dealcache_{name}", text, labels, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> CountedHistogram:
        return CountedHistogram(f"dealcache_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _tally(self, name: str, text: str, *labels: str) -> Callable[..., None]:
        """Return the function that counts by the values of the labels: one, or ``count``; with 0 the series begins."""
        counter = self._counter(name, text, *labels)
        return lambda *values, count=1: self._child(counter, *values).inc(count)

    def _child(self, metric: M, *labels: str) -> M:
        """Return ``metric.labels(*labels)``, remembered: for a hit the look-up costs more than the counting."""
        key = (metric, *labels)
        child: M | None = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def expect_routes(self, routes: Iterable[str]) -> None:
        """Show the server errors of each route from the start."""
        for route in routes:
            for status in SERVER_ERRORS:
                self.request_finished(route, status, count=0)

    def expect_reads(self, views: Iterable[str], tiers: Sequence[str]) -> None:
        """Show the reads of each view by each tier, and the failed ones, from the start."""
        for view in views:
            for tier in (*tiers, "error"):
                self.reads_finished(view, tier, count=0)

    def read_finished(self, view: str, tier: str, seconds: float) -> None:
        """Count a read and its time."""
        self.reads_finished(view, tier)
        self._child(self._read_seconds, tier).observe(seconds)

    def reads_lasted(self, tier: str, counts: Sequence[int], seconds: float) -> None:
        """Add durations of many reads: how many fell into each of :data:`READ_BUCKETS` and above, and their sum."""
        self._child(self._read_seconds, tier).add(counts, seconds)

    def cache_changed(self, usage: Usage) -> None:
        """Show the size of the memory tier."""
        self._entries.set(usage.entries)
        self._bytes.set(usage.size_bytes)
        self._max_bytes.set(usage.max_bytes)
        with self._lock:
            new, self._evicted_so_far = (
                usage.evictions - self._evicted_so_far,
                max(usage.evictions, self._evicted_so_far),
            )
        if new > 0:
            self._evictions.inc(new)

    def call_finished(self, endpoint: str, status: str, seconds: float) -> None:
        """Count a call to HubSpot; ``status`` is the HTTP status or the kind of failure."""
        self._calls.labels(endpoint, status).inc()
        if status in TOKEN_REFUSALS:
            self._refused(status)
        self._call_seconds.labels(endpoint).observe(seconds)

    def calls_left(self, bucket: str, left: int) -> None:
        """Show how many calls a rate limit still allows."""
        self._calls_left.labels(bucket).set(left)

    def reread(self, outcome: str, count: int) -> None:
        """Count deals that were to be read again."""
        self._rereads.labels(outcome).inc(count)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format, of all workers together."""
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        return generate_latest(_AllWorkers(Path(directory)) if directory else self.registry)
