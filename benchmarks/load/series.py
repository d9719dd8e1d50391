"""The run over time, in intervals of equal length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TypeVar

from benchmarks.load.samples import Run, Sample
from benchmarks.report import percentile

T = TypeVar("T")

TIERS = ("memory", "redis", "mongodb", "hubspot")
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
#: More points than these cannot be told apart on a screen.
_MOST_POINTS = 120
_WIDTHS = (1, 2, 5, 10, 15, 30)

#: Points: seconds of the run in the middle of an interval, and the value there, None where there is none.
Points = list[tuple[float, float | None]]


@dataclass(slots=True)
class Series:
    """What is drawn; each value belongs to an interval of ``width`` seconds.

    Attributes:
        width: seconds.
        due: requests per second that were due.
        answered: requests per second that were answered as they should be.
        failed: requests per second that failed, none where none did.
        latency: milliseconds by tier and percentile, of requests that were due in the interval.
        memory_ratio: per cent of the answers with a tier that came from memory.
        shared_ratio: the same for memory and Redis together.
        lag: the most milliseconds by which the generator was late.
        queued: the most milliseconds that a visit waited for a free user.
    """

    width: int
    due: Points = field(default_factory=list)
    answered: Points = field(default_factory=list)
    failed: Points = field(default_factory=list)
    latency: dict[str, dict[str, Points]] = field(default_factory=dict)
    memory_ratio: Points = field(default_factory=list)
    shared_ratio: Points = field(default_factory=list)
    lag: Points = field(default_factory=list)
    queued: Points = field(default_factory=list)


def series_of(run: Run) -> Series:
    """Sort a run into intervals."""
    width = width_for(run.seconds)
    # What is less than half an interval would only look like a fall, or like a peak.
    span = range(max(1, round(run.seconds / width)))
    lengths = [min(width, run.seconds - number * width) for number in span]
    by_due = _sorted_in(run.samples, width, lambda sample: sample.due)
    good = _sorted_in([one for one in run.samples if not one.fault], width, lambda one: one.due + one.seconds)
    bad = _sorted_in([one for one in run.samples if one.fault], width, lambda one: one.due + one.seconds)
    arrivals = _sorted_in(run.arrivals, width, lambda arrival: arrival.due)
    tiered = _sorted_in([one for one in run.samples if one.tier], width, lambda one: one.due)
    middle = {number: (number + 0.5) * width for number in span}
    return Series(
        width,
        due=[(middle[number], len(by_due[number]) / lengths[number]) for number in span],
        answered=[(middle[number], len(good[number]) / lengths[number]) for number in span],
        failed=[(middle[number], len(bad[number]) / lengths[number]) for number in span if bad[number]],
        latency={tier: _latency(run.samples, tier, width, span) for tier in TIERS if tier in run.tiers},
        memory_ratio=[(middle[number], _share(tiered[number], TIERS[:1])) for number in span if tiered[number]],
        shared_ratio=[(middle[number], _share(tiered[number], TIERS[:2])) for number in span if tiered[number]],
        lag=[(middle[number], max(one.late for one in arrivals[number]) * 1000) for number in span if arrivals[number]],
        queued=[
            (middle[number], max(one.queued for one in arrivals[number]) * 1000) for number in span if arrivals[number]
        ],
    )


def width_for(seconds: float) -> int:
    """Seconds of an interval, so that a run of this length has no more of them than can be told apart."""
    return next((width for width in _WIDTHS if seconds / width <= _MOST_POINTS), ceil(seconds / _MOST_POINTS))


def _latency(samples: Iterable[Sample], tier: str, width: int, span: range) -> dict[str, Points]:
    """The points of each percentile; an interval without an answer has None, so that no line is drawn across it."""
    found = _sorted_in([one for one in samples if one.tier == tier], width, lambda one: one.due)
    times = {number: sorted(one.seconds * 1000 for one in found[number]) for number in span}
    return {
        name: [((number + 0.5) * width, percentile(times[number], share) if times[number] else None) for number in span]
        for name, share in PERCENTILES.items()
    }


def _share(samples: Sequence[Sample], tiers: Sequence[str]) -> float:
    return 100.0 * sum(one.tier in tiers for one in samples) / len(samples)


def _sorted_in(things: Iterable[T], width: int, moment: Callable[[T], float]) -> defaultdict[int, list[T]]:
    """The things of each interval that has some."""
    found: defaultdict[int, list[T]] = defaultdict(list)
    for thing in things:
        found[int(moment(thing) // width)].append(thing)
    return found
