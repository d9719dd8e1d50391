"""The run over time, in intervals of equal length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """The figures to draw; each value belongs to an interval of ``width`` seconds.

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
    by_due = _sorted_in(run.samples, width, lambda one: one.due)
    good = _sorted_in([one for one in run.samples if not one.fault], width, lambda one: one.due + one.seconds)
    bad = _sorted_in([one for one in run.samples if one.fault], width, lambda one: one.due + one.seconds)
    arrivals = _sorted_in(run.arrivals, width, lambda one: one.due)
    return Series(
        width,
        due=_per_second(by_due, lengths, width),
        answered=_per_second(good, lengths, width),
        failed=[point for point in _per_second(bad, lengths, width) if point[1]],
        latency={tier: _latency(run.samples, tier, width, span) for tier in TIERS if tier in run.tiers},
        memory_ratio=_ratio(by_due, TIERS[:1], width, span),
        shared_ratio=_ratio(by_due, TIERS[:2], width, span),
        lag=_most(arrivals, lambda one: one.late * 1000, width, span),
        queued=_most(arrivals, lambda one: one.queued * 1000, width, span),
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


def _per_second(found: Mapping[int, Sequence[object]], lengths: Sequence[float], width: int) -> Points:
    return [((number + 0.5) * width, len(found[number]) / length) for number, length in enumerate(lengths)]


def _ratio(found: Mapping[int, Sequence[Sample]], tiers: Sequence[str], width: int, span: range) -> Points:
    """Per cent of the answers with a tier that came from these."""
    answered = {number: [one.tier for one in found[number] if one.tier] for number in span}
    return [
        ((number + 0.5) * width, 100.0 * sum(tier in tiers for tier in answered[number]) / len(answered[number]))
        for number in span
        if answered[number]
    ]


def _most(found: Mapping[int, Sequence[T]], value: Callable[[T], float], width: int, span: range) -> Points:
    return [((number + 0.5) * width, max(map(value, found[number]))) for number in span if found[number]]


def _sorted_in(things: Iterable[T], width: int, moment: Callable[[T], float]) -> defaultdict[int, list[T]]:
    """The things of each interval that has some."""
    found: defaultdict[int, list[T]] = defaultdict(list)
    for thing in things:
        found[int(moment(thing) // width)].append(thing)
    return found
