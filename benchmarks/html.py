"""The cost of extracting text from HTML: processor time and memory for 100 kB of the slowest hostile documents."""

from __future__ import annotations

from benchmarks.report import Report
from benchmarks.stand import Stand
from tests.unit.hubspot.html_cost import Cost, measured

#: What is promised for 100 kB.
_MOST_MILLISECONDS, _MOST_MEGABYTES = 20.0, 20.0
_SHOWN = 8


def run(_stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    costs = list(measured(100_000, rounds=2 if quick else 5, most_seconds=60))
    slowest = sorted(costs, key=_milliseconds, reverse=True)
    head, rows = ("ms", "MB", ""), [_row(cost) for cost in slowest[:_SHOWN]]
    report.table(f"for 100 kB, the slowest of {len(costs)} hostile documents", head, rows)
    most_ms, most_mb = _milliseconds(slowest[0]), max(map(_megabytes, costs))
    report.promise(
        f"the text of 100 kB of HTML takes at most {_MOST_MILLISECONDS:.0f} ms of a processor",
        f"{most_ms:.1f} ms",
        most_ms <= _MOST_MILLISECONDS,
    )
    report.promise(
        f"the text of 100 kB of HTML takes at most {_MOST_MEGABYTES:.0f} MB of memory",
        f"{most_mb:.1f} MB",
        most_mb <= _MOST_MEGABYTES,
    )
    _judge_growth(report, {cost.name: cost for cost in costs}, quick)


def _judge_growth(report: Report, long: dict[str, Cost], quick: bool) -> None:
    """Compare with documents of a quarter of the length, where there is enough time to compare."""
    short = measured(25_000, rounds=4 if quick else 10, most_seconds=60)
    grown = {
        cost.name: _milliseconds(long[cost.name]) / _milliseconds(cost)
        for cost in short
        if long[cost.name].milliseconds > 5
    }
    name = max(grown, key=lambda name: grown[name])
    wording = "each character of 100 kB takes at most twice as long as one of 25 kB"
    report.promise(wording, f"{grown[name]:.2f} times ({name})", grown[name] <= 2)


def _row(cost: Cost) -> tuple[str, str, str, str]:
    over = "over" if _milliseconds(cost) > _MOST_MILLISECONDS or _megabytes(cost) > _MOST_MEGABYTES else ""
    return repr(cost.name), f"{_milliseconds(cost):.1f}", f"{_megabytes(cost):.1f}", over


def _milliseconds(cost: Cost) -> float:
    return cost.for_100_kb(cost.milliseconds)


def _megabytes(cost: Cost) -> float:
    return cost.for_100_kb(cost.kilobytes) / 1_000
