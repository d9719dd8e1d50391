"""Counts, measures and logs every read, however it was answered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import get_args

from dealcache.api.problems import problem_of
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import ALL_VIEWS
from dealcache.reader.answers import Answer, BatchAnswer, TierName
from dealcache.telemetry.latencies import RecentLatencies, read_buckets
from dealcache.telemetry.log_lines import log_batch, log_read
from dealcache.telemetry.metrics import Metrics
from dealcache.tiers import View

TIERS: tuple[str, ...] = get_args(TierName)


class ReadRecorder:
    """Keeps the read counts of this worker, and reports each read to metrics and log.

    Args:
        metrics: counts reads for Prometheus.

    Attributes:
        latencies: the time of each read of the last minute, except those of batches, whose time says nothing about one
            read.
        settle: includes all reads that were answered before the call in metrics and counts; a part that counts reads
            later replaces it.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        metrics.expect_reads(ALL_VIEWS, TIERS)
        self.latencies = RecentLatencies()
        self._lock = threading.Lock()
        self._by_tier = dict.fromkeys(TIERS, 0)
        self._failed = 0
        self.settle: Callable[[], None] = lambda: None

    def hits(self, view: View, count: int) -> None:
        """Count reads that the hit lane answered, which measures and logs them itself."""
        with self._lock:
            self._by_tier["memory"] += count
        self._metrics.reads_finished(view, "memory", count=count)

    def hits_lasted(self, counts: Sequence[int], seconds: float) -> None:
        """Add durations of hits that the hit lane answered.

        Args:
            counts: the number in each bucket of ``latencies``, the one without a bound last.
            seconds: their sum.
        """
        self.latencies.add_counts("memory", {bucket: count for bucket, count in enumerate(counts) if count})
        self._metrics.reads_lasted("memory", read_buckets(counts), seconds)

    def answered(self, view: View, key: DealKey, answer: Answer, seconds: float) -> None:
        """Record a read that a tier answered after ``seconds``."""
        with self._lock:
            self._by_tier[answer.tier] += 1
        self._metrics.read_finished(view, answer.tier, seconds)
        self.latencies.add(answer.tier, seconds)
        log_read(view, key.value, answer.tier, seconds * 1000.0, answer.entry.status, answer.stale)

    def failed(self, view: View, key: DealKey, status: int, detail: str, seconds: float) -> None:
        """Record a read that no tier could answer; the client got ``status`` and ``detail``."""
        with self._lock:
            self._failed += 1
        self._metrics.read_finished(view, "error", seconds)
        log_read(view, key.value, None, seconds * 1000.0, status, detail=detail)

    def batch_answered(self, answer: BatchAnswer, views: Collection[View], seconds: float) -> None:
        """Record a batch: each view of each deal counts as a read, the log gets one line."""
        reads = Counter((view, value.tier) for one in answer.values.values() for view, value in one.items())
        by_tier: Counter[str] = Counter()
        for (view, tier), count in reads.items():
            by_tier[tier] += count
            self._metrics.reads_finished(view, tier, count=count)
        if answer.failures:
            for wanted in views:
                self._metrics.reads_finished(wanted, "error", count=len(answer.failures))
        with self._lock:
            for name, count in by_tier.items():
                self._by_tier[name] += count
            self._failed += len(answer.failures) * len(views)
        deals = len(answer.values) + len(answer.failures)
        problems = Counter(f"{problem_of(one).detail} ({one})" for one in answer.failures.values())
        log_batch(deals, list(views), by_tier, problems, seconds * 1000.0)

    def counts(self) -> tuple[dict[str, int], int]:
        """Return how many reads each tier has answered, and how many none could."""
        self.settle()
        with self._lock:
            return dict(self._by_tier), self._failed
