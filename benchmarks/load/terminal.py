"""The output of a run on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.load.page import Content, shown_milliseconds
from benchmarks.load.tables import Row


def show(content: Content, console: Console) -> None:
    """Print the tables and the verdict of a run."""
    console.print(_table("kind", content.kinds))
    console.print(_table("answering tier", content.tiers))
    lag = content.lag
    if lag.late:
        late, queued = ("/".join(map(shown_milliseconds, times)) for times in (lag.late, lag.queued))
        console.print(f"generator: late by {late} ms (p50/p95/p99/max), computed {lag.busy:.0%} of one core")
        console.print(f"waited for a free user: {lag.waited:,} visits, {queued} ms (p50/p95/p99/max)")
    for warning in filter(None, (lag.warning, *content.remarks)):
        console.print(warning, style="yellow")
    console.print(content.verdict, style="bold green" if content.passed else "bold red")


def _table(title: str, rows: Iterable[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(title)
    for name in ("count", "p50 ms", "p95 ms", "p99 ms", "max ms", "p99 from sending"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("by status")
    table.add_column("errors", style="red")
    for row in rows:
        times = map(shown_milliseconds, row.milliseconds)
        sent = shown_milliseconds(row.from_sending[2]) if row.from_sending else ""
        table.add_row(row.name, f"{row.count:,}", *times, sent, _counted(row.statuses), _counted(row.faults))
    return table


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())
