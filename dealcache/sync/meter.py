"""Counts the calls of a job, beside what the metrics of the whole process count."""

from __future__ import annotations

from dealcache.hubspot import Observer
from dealcache.sync.ledger import Ledger


class SyncObserver:
    """An observer of a HubSpot session that tells a job's ledger, too.

    Args:
        metrics: the observer of all sessions.
        ledger: counts the calls of one job.
    """

    def __init__(self, metrics: Observer, ledger: Ledger) -> None:
        self._metrics = metrics
        self._ledger = ledger

    def call_finished(self, endpoint: str, outcome: str, seconds: float) -> None:
        """See :class:`dealcache.hubspot.Observer`."""
        self._ledger.called()
        self._metrics.call_finished(endpoint, outcome, seconds)

    def retried(self, endpoint: str, reason: str) -> None:
        """See :class:`dealcache.hubspot.Observer`."""
        self._metrics.retried(endpoint, reason)

    def budget_left(self, bucket: str, left: int) -> None:
        """See :class:`dealcache.hubspot.Observer`."""
        self._metrics.budget_left(bucket, left)
