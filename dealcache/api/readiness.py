"""Whether the service can serve: MongoDB must answer; HubSpot being down only degrades it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """``status`` is ready, degraded or unavailable; ``missing`` names the dependencies that do not answer."""

    status: str
    missing: tuple[str, ...]


class Readiness:
    """Asks the dependencies, HubSpot not more often than once in a while: a probe is a call of the account's limit.

    Args:
        mongodb_answers: asks MongoDB, within its own time-out.
        hubspot_answers: asks HubSpot, within its own time-out.
        hubspot_interval: seconds for which HubSpot's last answer counts.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        mongodb_answers: Callable[[], bool],
        hubspot_answers: Callable[[], bool],
        hubspot_interval: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mongodb_answers = mongodb_answers
        self._hubspot_answers = hubspot_answers
        self._hubspot_interval = hubspot_interval
        self._clock = clock
        self._lock = threading.Lock()
        self._hubspot: tuple[float, bool] | None = None

    def report(self) -> Report:
        """Ask, and tell."""
        missing = []
        if not self._mongodb_answers():
            missing.append("mongodb")
        if not self._hubspot_lately():
            missing.append("hubspot")
        status = "unavailable" if "mongodb" in missing else "degraded" if missing else "ready"
        return Report(status, tuple(missing))

    def _hubspot_lately(self) -> bool:
        with self._lock:
            if self._hubspot is None or self._clock() - self._hubspot[0] >= self._hubspot_interval:
                answers = self._hubspot_answers()
                self._hubspot = (self._clock(), answers)
            return self._hubspot[1]
