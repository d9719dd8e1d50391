"""The promises for lists, and the figures of all sizes as one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.lists.measure import PAGE, Figures, Pages
from benchmarks.report import Report

#: The least number of deals for which ratios are judged: in a smaller account the request outweighs the rows.
_JUDGED_FROM = 10_000
_MEGABYTE = 1_000_000
_BESIDE = ("2 × all-deals", "CSV export")


def judge(report: Report, figures: Figures, slowest: int) -> None:
    """Say of one size what was promised and kept; ``slowest`` as for :func:`judge_pages`."""
    if figures.deals >= _JUDGED_FROM:
        wording = "all-deals at most 2 times the bare query of the same documents plus orjson.dumps"
        report.promise(wording, f"{figures.ratio:.2f}", figures.ratio <= 2)
    at_most(report, "all-deals: first byte", figures.first_byte, 0.050)
    for name, seconds in figures.unchanged.items():
        at_most(report, f"{name} unchanged (304)", seconds, 0.005)
    for name, seconds in figures.short.items():
        at_most(report, name, seconds, 0.010)
    at_most(report, "pipeline-summary, the first one after a change", figures.summary_after_change, 0.010)
    judge_pages(report, "deal-list", figures.pages, slowest)
    judge_pages(report, "deal-list with own properties", figures.own_pages, slowest)
    judge_pages(report, "deal-list in three currencies", figures.currency_pages, slowest)
    idle = figures.hits["idle"]
    for what in _BESIDE:
        _, high, most = figures.hits[what]
        bound = max(2 * idle[1], 0.010)
        report.promise(
            f"hits beside {what}: p99 at most 2 times idle or 10 ms, most 50 ms",
            f"p99 {high * 1000:.1f} ms (idle {idle[1] * 1000:.1f} ms), most {most * 1000:.1f} ms",
            high <= bound and most <= 0.050,
        )
        grown = figures.growth[what]
        wording = f"memory grows by less than 30 MB for each list under way ({what})"
        report.promise(wording, f"{grown / _MEGABYTE:.1f} MB", grown < 30 * _MEGABYTE)


def judge_pages(report: Report, what: str, pages: Pages | None, slowest: int) -> None:
    """Judge first pages; None if they were not measured. Print so many that took longest after a change, if any."""
    if pages is None:
        return
    if slowest:
        ordered = sorted(pages.by_question.items(), key=lambda one: one[1], reverse=True)
        rows = [[question, f"{seconds * 1000:.1f}"] for question, seconds in ordered[:slowest]]
        report.table(f"{what}: the slowest after a change", ["ms"], rows)
    at_most(report, f"{what}, the slowest filter and order, total included", pages.worst, 0.050)
    at_most(report, "the same, the first one after a change", pages.worst_changed, 0.050)
    wording = f"{what}, any filter and order with {PAGE} rows, at most 3 times the bare fetch of these"
    report.promise(wording, f"{pages.worst_ratio:.2f}", pages.worst_ratio <= 3)


def judge_growth(report: Report, smaller: Figures, larger: Figures) -> None:
    """Compare the time per deal of two sizes."""
    growth = (larger.seconds / larger.deals) / (smaller.seconds / smaller.deals)
    wording = f"time per deal of all-deals at {larger.deals:,} deals no more than at {smaller.deals:,}"
    report.promise(wording, f"{growth:.2f} times", growth <= 1.05)


def at_most(report: Report, what: str, seconds: float, most: float) -> None:
    """Judge one time."""
    report.promise(f"{what} within {most * 1000:.0f} ms", f"{seconds * 1000:.1f} ms", seconds <= most)


def show(report: Report, sizes: Sequence[Figures]) -> None:
    """Print all figures."""

    def row(what: str, text: Callable[[Figures], str]) -> list[str]:
        return [what, *map(text, sizes)]

    def hits(name: str) -> Callable[[Figures], str]:
        return lambda one: " / ".join(f"{value * 1000:.1f}" for value in one.hits[name])

    rows = [
        row("all-deals, ms", lambda one: f"{one.seconds * 1000:.0f}"),
        row("  times the bare query in the same order", lambda one: f"{one.ratio:.2f}"),
        row("  times the bare query in no order", lambda one: f"{one.ratio_unordered:.2f}"),
        row("  first byte, ms", lambda one: f"{one.first_byte * 1000:.1f}"),
        row("  microseconds per deal", lambda one: f"{one.seconds / one.deals * 1e6:.1f}"),
        row("unchanged (304), the slowest list, ms", lambda one: f"{max(one.unchanged.values()) * 1000:.1f}"),
        row("stages, ms", lambda one: f"{one.short['stages'] * 1000:.1f}"),
        row("pipeline-summary, ms", lambda one: f"{one.short['pipeline-summary'] * 1000:.1f}"),
        row("  the first one after a change, ms", lambda one: f"{one.summary_after_change * 1000:.1f}"),
        *page_rows("deal-list, 50 rows with total, ms", [one.pages for one in sizes]),
        *page_rows("deal-list with own properties, ms", [one.own_pages for one in sizes]),
        *page_rows("deal-list in three currencies, ms", [one.currency_pages for one in sizes]),
        row("CSV export of everything, ms", lambda one: f"{one.csv * 1000:.0f}"),
        row("hits alone: p50 / p99 / most, ms", hits("idle")),
        *(row(f"hits beside {what}, ms", hits(what)) for what in _BESIDE),
        *(
            row(f"memory per list, {what}, MB", lambda one, what=what: f"{one.growth[what] / 1e6:.1f}")
            for what in _BESIDE
        ),
    ]
    report.table("deals", [f"{one.deals:,}" for one in sizes], rows)


def page_rows(what: str, sizes: Sequence[Pages | None]) -> list[list[str]]:
    """Return the rows of first pages; a dash where they were not measured."""

    def row(name: str, text: Callable[[Pages], str]) -> list[str]:
        return [name, *("–" if one is None else text(one) for one in sizes)]

    return [
        row(what, lambda one: f"{one.usual * 1000:.1f}"),
        row("  the slowest filter and order, ms", lambda one: f"{one.worst * 1000:.1f}"),
        row(f"  times the bare fetch of those {PAGE}", lambda one: f"{one.ratio:.2f}"),
        row("  the most of these", lambda one: f"{one.worst_ratio:.2f}"),
        row("  pages with fewer rows, ms", lambda one: "–" if one.short is None else f"{one.short * 1000:.1f}"),
        row("  the first one after a change, ms", lambda one: f"{one.changed * 1000:.1f}"),
        row("  the slowest of these, ms", lambda one: f"{one.worst_changed * 1000:.1f}"),
    ]
