"""The run in numbers: kinds of requests, tiers, and how well the generator kept to its schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.load.mix import VIEW_NAMES, Kind
from benchmarks.load.samples import Run, Sample
from benchmarks.load.series import PERCENTILES, TIERS
from benchmarks.report import percentile

#: Of one core that the generator computes, from which on its figures may be its own rather than the service's.
_BUSY = 0.8
#: Seconds that the generator may be late at the 99th percentile before the same is said.
_LATE = 0.02


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request, or one tier.

    Attributes:
        name: which.
        count: how many there were.
        statuses: how many of them ended with each status.
        faults: how many of them failed, by reason.
        milliseconds: p50, p95, p99 and max, from when they were due.
        from_sending: the same, from when they were sent; nothing for what is no single request.
    """

    name: str
    count: int
    statuses: dict[str, int]
    faults: dict[str, int]
    milliseconds: tuple[float, ...]
    from_sending: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Lag:
    """The generator's own delay behind its schedule.

    Attributes:
        late: milliseconds by which visits were begun late: p50, p95, p99 and max.
        queued: milliseconds that visits waited for a free user, the same.
        waited: how many visits waited for a user at least a millisecond.
        busy: the share of one core that it computed, 0 to 1.
        warning: why the latencies may not be the service's, "" when they are.
    """

    late: tuple[float, ...]
    queued: tuple[float, ...]
    waited: int
    busy: float
    warning: str


def rows_by_kind(run: Run) -> list[Row]:
    """A row for each kind of request that was made, page views as a whole first and all requests last."""
    pages = [one for one in run.arrivals if one.kind == Kind.PAGE]
    made = {sample.kind for sample in run.samples}
    kinds = [kind for kind in (*VIEW_NAMES.values(), *Kind) if kind in made]
    rows = [_row(kind, [one for one in run.samples if one.kind == kind]) for kind in kinds]
    if pages:
        whole = milliseconds(one.seconds for one in pages)
        rows.insert(0, Row("page view as a whole", len(pages), {}, {}, whole))
    return [*rows, _row("all requests", run.samples)] if run.samples else rows


def rows_by_tier(run: Run) -> list[Row]:
    """A row for each tier that answered."""
    return [_row(tier, [one for one in run.samples if one.tier == tier]) for tier in TIERS if tier in run.tiers]


def lag_of(run: Run) -> Lag:
    """Return how well the generator kept to its schedule."""
    late = [one.late for one in run.arrivals]
    busy = run.processor_seconds / run.seconds if run.seconds else 0.0
    reasons = []
    if late and percentile(late, 0.99) > _LATE:
        reasons.append(f"it began a visit in a hundred more than {_LATE * 1000:g} ms late")
    if busy > _BUSY:
        reasons.append(f"it computed {busy:.0%} of the time")
    return Lag(
        milliseconds(late),
        milliseconds(one.queued for one in run.arrivals),
        sum(one.queued >= 0.001 for one in run.arrivals),
        busy,
        f"Part of these latencies is the generator's own, not the service's: {' and '.join(reasons)}."
        if reasons
        else "",
    )


def milliseconds(seconds: Iterable[float]) -> tuple[float, ...]:
    """p50, p95, p99 and max of some seconds, in milliseconds; nothing when there are none."""
    every = sorted(seconds)
    return tuple(percentile(every, share) * 1000 for share in PERCENTILES.values()) if every else ()


def _row(name: str, samples: Sequence[Sample]) -> Row:
    statuses = Counter(str(one.status or "none") for one in samples)
    faults = Counter(one.fault for one in samples if one.fault)
    times = milliseconds(one.seconds for one in samples)
    sent = milliseconds(one.seconds - one.waited for one in samples)
    return Row(name, len(samples), dict(sorted(statuses.items())), dict(faults.most_common()), times, sent)
