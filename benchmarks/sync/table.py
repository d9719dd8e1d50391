"""The figures of all syncs of a run as one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.sync.command import Run
from benchmarks.sync.least import Account

_HEADINGS = ("deals", "activities", "sync", "seconds", "deals/s", "activities/s", "calls", "peak MB", "end MB", "CPU s")
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One sync of one account."""

    account: Account
    what: str
    run: Run

    def cells(self) -> tuple[str, ...]:
        """One text for each heading. The speeds are those of what was read, which is little in a sync of changes."""
        run, progress = self.run, self.run.job.progress
        return (
            f"{self.account.deals:,}",
            f"{self.account.activities:,}",
            self.what,
            f"{run.seconds:,.1f}",
            f"{progress.deals_read / run.seconds:,.0f}",
            f"{progress.activities_read / run.seconds:,.0f}",
            f"{len(run.calls):,}",
            f"{run.resident.peak / _MEGABYTE:.0f}",
            f"{run.resident.after(1.0) / _MEGABYTE:.0f}",
            f"{run.cpu_seconds:.1f}",
        )


def show(rows: Iterable[Row]) -> list[str]:
    """The table as lines."""
    cells: list[Sequence[str]] = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADINGS))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
