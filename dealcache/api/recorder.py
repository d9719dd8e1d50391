"""Counts, measures and logs every read, whichever way it was answered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from typing import get_args

from dealcache.api.failures import problem_of
from dealcache.deals import DealKey
from dealcache.log_lines import log_batch, log_read
from dealcache.metrics import Metrics
from dealcache.reader import Answer, BatchAnswer
from dealcache.reader.answer import TierName
from dealcache.tiers import View

TIERS: tuple[str, ...] = get_args(TierName)


class ReadRecorder:
    """Keeps the read counts of this worker, and passes each read on to metrics and log.

    Args:
        metrics: where reads are counted for Prometheus.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._by_tier = dict.fromkeys(TIERS, 0)
        self._failed = 0
        self._settle: Callable[[], None] = lambda: None

    def settle_first(self, settle: Callable[[], None]) -> None:
        """Have ``settle`` called before counts are told: it hands on reads that were only noted."""
        self._settle = settle

    def settle(self) -> None:
        """Take in all reads that were answered before the call, so that metrics and counts tell of them."""
        self._settle()

    def hits(self, view: View, count: int) -> None:
        """Reads that the memory tier answered on the hit lane, which measures and logs them by itself."""
        with self._lock:
            self._by_tier["memory"] += count
        self._metrics.reads_finished(view, "memory", count)

    def answered(self, view: View, key: DealKey, answer: Answer, seconds: float) -> None:
        """A read that a tier answered, after ``seconds``."""
        with self._lock:
            self._by_tier[answer.tier] += 1
        self._metrics.read_finished(view, answer.tier, seconds)
        log_read(view, key.value, answer.tier, seconds * 1000.0, answer.entry.status, answer.stale)

    def failed(self, view: View, key: DealKey, status: int, detail: str, seconds: float) -> None:
        """A read that no tier could answer; the client got ``status`` and ``detail``."""
        with self._lock:
            self._failed += 1
        self._metrics.read_finished(view, "error", seconds)
        log_read(view, key.value, None, seconds * 1000.0, status, detail=detail)

    def batch_answered(self, answer: BatchAnswer, views: Collection[View], seconds: float) -> None:
        """A batch that is done after ``seconds``: each view of each deal counts as a read, the log gets one line."""
        reads = Counter((view, value.tier) for one in answer.values.values() for view, value in one.items())
        by_tier: Counter[str] = Counter()
        for (view, tier), count in reads.items():
            by_tier[tier] += count
            self._metrics.reads_finished(view, tier, count)
        if answer.failures:
            for wanted in views:
                self._metrics.reads_finished(wanted, "error", len(answer.failures))
        with self._lock:
            for name, count in by_tier.items():
                self._by_tier[name] += count
            self._failed += len(answer.failures) * len(views)
        deals = len(answer.values) + len(answer.failures)
        problems = Counter(f"{problem_of(one).detail} ({one})" for one in answer.failures.values())
        log_batch(deals, list(views), by_tier, problems, seconds * 1000.0)

    def counts(self) -> tuple[dict[str, int], int]:
        """How many reads each tier has answered, and how many none could."""
        self.settle()
        with self._lock:
            return dict(self._by_tier), self._failed
