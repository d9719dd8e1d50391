"""Counts, measures and logs every read, whichever way it was answered."""

from __future__ import annotations

import threading
from typing import get_args

from dealcache.deals import DealKey
from dealcache.logs import log_read
from dealcache.metrics import Metrics
from dealcache.reader import Answer
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

    def counts(self) -> tuple[dict[str, int], int]:
        """How many reads each tier has answered, and how many none could."""
        with self._lock:
            return dict(self._by_tier), self._failed
