"""What every kind of sync has at hand while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from dealcache.repositories import DealInfoRepository, DealTimelineRepository
from dealcache.sync.crew import Crew
from dealcache.sync.ledger import Ledger
from dealcache.sync.source import Source


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


class Checkpoints(Protocol):
    """Where a job notes how far it is, so that it can go on there after a crash."""

    def load(self) -> dict[str, Any]:
        """What was noted last, empty at the first start."""

    def save(self, checkpoint: dict[str, Any], since: datetime | None = None) -> None:
        """Note how far the job is, and from when on it looks for changes.

        Raises:
            StoppedError: the job is somebody else's now.
            StoreError: MongoDB failed.
        """


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts that one job works with. ``now`` is the wall clock, aware and in UTC."""

    source: Source
    crew: Crew
    deals: DealInfoRepository
    timelines: DealTimelineRepository
    ledger: Ledger
    now: Callable[[], datetime] = utc_now
