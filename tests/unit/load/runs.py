"""Made up runs."""

from __future__ import annotations

from benchmarks.load.mix import Kind
from benchmarks.load.samples import Arrival, Run, Sample


def sample(
    due: float = 0.0,
    seconds: float = 0.001,
    *,
    kind: str = "info",
    status: int = 200,
    tier: str = "memory",
    fault: str = "",
) -> Sample:
    return Sample(kind, status, tier, fault, due, seconds, 0.0)


def arrival(due: float = 0.0, *, kind: str = Kind.PAGE, late: float = 0.0, queued: float = 0.0) -> Arrival:
    return Arrival(kind, due, late, queued, 0.002)


def run_of(*samples: Sample, arrivals: list[Arrival] | None = None, seconds: float = 10.0) -> Run:
    return Run(list(samples), arrivals or [], seconds=seconds)
