"""What Prometheus sees. Every metric is listed in README; a test keeps the two together.

With several workers each process writes its values into files of ``PROMETHEUS_MULTIPROC_DIR``, which
``gunicorn.conf.py`` sets before this module is imported, and :meth:`Metrics.render` adds up what all of them wrote; see
:mod:`dealcache.metric_files`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.registry import Collector

from dealcache import metric_files
from dealcache.counted_histogram import CountedHistogram
from dealcache.tiers import Usage

#: Upper bounds of the buckets of a read's duration, in seconds.
READ_BUCKETS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1, 2.5, 5, 10, 20),
)
_SLOW = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 20)


M = TypeVar("M", Counter, Gauge, Histogram, CountedHistogram)


class _AllWorkers(Collector):
    """What the files of all workers say."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        return metric_files.collect(self._directory)


class Metrics:
    """The service's metrics, and the methods through which its parts report."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._requests = Counter(
            "dealcache_requests", "HTTP requests by route and status", ["route", "status"], registry=registry
        )
        self._reads = Counter(
            "dealcache_reads", "Reads by view and the tier that answered", ["view", "tier"], registry=registry
        )
        self._lane_hits = Counter(
            "dealcache_lane_hits", "Hits that the event loop answered by itself, without a thread", registry=registry
        )
        self._read_seconds = CountedHistogram(
            "dealcache_read_seconds",
            "Time of a read by the tier that answered",
            ["tier"],
            buckets=READ_BUCKETS,
            registry=registry,
        )
        self._entries = self._gauge("dealcache_cache_entries", "Entries in the memory tier", "livesum")
        self._bytes = self._gauge("dealcache_cache_bytes", "Bytes in the memory tier", "livesum")
        self._evictions = Counter(
            "dealcache_cache_evictions", "Entries given up to stay within the byte bound", registry=registry
        )
        self._waits = Counter(
            "dealcache_single_flight_waits", "Times a thread waited for another one's load", registry=registry
        )
        self._shared_waits = Counter(
            "dealcache_shared_flight_waits", "Times a process waited for another one's load", registry=registry
        )
        self._waiting = self._gauge("dealcache_hubspot_waiting_threads", "Threads that wait for HubSpot", "livesum")
        self._calls = Counter(
            "dealcache_hubspot_calls",
            "Calls to HubSpot by endpoint and status",
            ["endpoint", "status"],
            registry=registry,
        )
        self._call_seconds = Histogram(
            "dealcache_hubspot_call_seconds",
            "Time of a call to HubSpot",
            ["endpoint"],
            buckets=_SLOW,
            registry=registry,
        )
        self._retries = Counter(
            "dealcache_hubspot_retries",
            "Retried calls by endpoint and reason",
            ["endpoint", "reason"],
            registry=registry,
        )
        self._budget_left = Gauge(
            "dealcache_hubspot_budget_left",
            "Calls that a budget still allows in its window",
            ["bucket"],
            registry=registry,
            # What a worker heard that has made no call since tells nothing.
            multiprocess_mode="livemostrecent",
        )
        self._jobs = Counter(
            "dealcache_sync_jobs", "Sync jobs that ended, by type and status", ["type", "status"], registry=registry
        )
        self._hints = Counter(
            "dealcache_webhook_events", "Webhook events whose records were looked at", registry=registry
        )
        self._live_clients = self._gauge("dealcache_live_clients", "Clients of live updates", "livesum")
        self._live_messages = Counter(
            "dealcache_live_messages", "Updates handed to clients, each counted for each of them", registry=registry
        )
        self._live_dropped = Counter(
            "dealcache_live_dropped", "Clients of live updates given up, by reason", ["reason"], registry=registry
        )
        self._recorded = Counter(
            "dealcache_invalidations_recorded", "Entries added to the record of invalidations", registry=registry
        )
        self._applied = Counter(
            "dealcache_invalidations_applied", "Entries of the record applied, by each worker", registry=registry
        )
        self._followed = self._gauge(
            "dealcache_followed_until_timestamp_seconds",
            "Until when the worker that lags most knows all invalidations",
            "livemin",
        )
        self._followed.set_to_current_time()  # who has only begun has missed nothing, and 0 would be an alarm
        self._workers = self._gauge("dealcache_workers", "Live processes of all instances", "livemax")
        self._evicted_so_far = 0
        self._lock = threading.Lock()
        self._children: dict[tuple[object, ...], Any] = {}

    def _gauge(self, name: str, text: str, mode: str) -> Gauge:
        return Gauge(name, text, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def _child(self, metric: M, *labels: str) -> M:
        """``metric.labels(*labels)``, remembered: on the way of a hit the look-up costs more than the counting."""
        key = (metric, *labels)
        child: M | None = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def request_finished(self, route: str, status: int, count: int = 1) -> None:
        """Count an answered request; ``route`` is the rule that matched, never the path as it came."""
        self._child(self._requests, route, str(status)).inc(count)

    def read_finished(self, view: str, tier: str, seconds: float) -> None:
        """Count a read; ``tier`` is ``error`` when none could answer."""
        self._child(self._reads, view, tier).inc()
        self._child(self._read_seconds, tier).observe(seconds)

    def reads_finished(self, view: str, tier: str, count: int) -> None:
        """Count reads whose time is told otherwise, or is that of a whole batch and would tell nothing about one."""
        self._child(self._reads, view, tier).inc(count)

    def reads_lasted(self, tier: str, counts: Sequence[int], seconds: float) -> None:
        """Add durations of many reads: how many fell into each of :data:`READ_BUCKETS` and above, and their sum."""
        self._child(self._read_seconds, tier).add(counts, seconds)

    def lane_answered(self, count: int) -> None:
        """Count hits that the event loop answered, which are counted as reads and requests besides."""
        self._lane_hits.inc(count)

    def cache_changed(self, usage: Usage) -> None:
        """Show how full the memory tier is."""
        self._entries.set(usage.entries)
        self._bytes.set(usage.size_bytes)
        with self._lock:
            new, self._evicted_so_far = (
                usage.evictions - self._evicted_so_far,
                max(usage.evictions, self._evicted_so_far),
            )
        if new > 0:
            self._evictions.inc(new)

    def flight_waited(self) -> None:
        """Count a thread that waits for another one's load."""
        self._waits.inc()

    def shared_flight_waited(self) -> None:
        """Count that this process waits for another one's load."""
        self._shared_waits.inc()

    def waiting_changed(self, waiting: int) -> None:
        """Show how many threads wait for HubSpot."""
        self._waiting.set(waiting)

    def call_finished(self, endpoint: str, status: str, seconds: float) -> None:
        """Count a call to HubSpot; ``status`` is the HTTP status or the kind of failure."""
        self._calls.labels(endpoint, status).inc()
        self._call_seconds.labels(endpoint).observe(seconds)

    def retried(self, endpoint: str, reason: str) -> None:
        """Count a retry."""
        self._retries.labels(endpoint, reason).inc()

    def budget_left(self, bucket: str, left: int) -> None:
        """Show how many calls a budget still allows."""
        self._budget_left.labels(bucket).set(left)

    def job_ended(self, kind: str, status: str) -> None:
        """Count a sync job that came to its end in this process."""
        self._jobs.labels(kind, status).inc()

    def hints_followed(self, count: int) -> None:
        """Count webhook events whose records were looked at."""
        self._hints.inc(count)

    def live_clients(self, count: int) -> None:
        """Show how many clients of live updates there are."""
        self._live_clients.set(count)

    def live_messages(self, count: int) -> None:
        """Count updates that were handed to clients."""
        self._live_messages.inc(count)

    def live_dropped(self, reason: str) -> None:
        """Count a client of live updates that was given up."""
        self._live_dropped.labels(reason).inc()

    def invalidations_recorded(self, count: int) -> None:
        """Count entries that this process added to the record of invalidations."""
        self._recorded.inc(count)

    def invalidation_applied(self) -> None:
        """Count an entry of the record that this process applied."""
        self._applied.inc()

    def followed_until(self, at: float) -> None:
        """Show until when, epoch seconds, this process knows all invalidations."""
        self._followed.set(at)

    def workers_seen(self, count: int) -> None:
        """Show how many processes live, of all instances."""
        self._workers.set(count)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, of all workers together."""
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        return generate_latest(_AllWorkers(Path(directory)) if directory else self.registry)
