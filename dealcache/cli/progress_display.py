"""Shows how far a job is: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from dealcache.model.jobs import Job, JobStatus

#: Seconds between two lines where there is no terminal.
_LINE_SECONDS = 5.0

#: Shows a sentence, and of a job the percents that are done and the seconds that are left, None where unknown.
Show = Callable[[str, float | None, float | None], None]


@contextmanager
def progress_on(console: Console) -> Iterator[Show]:
    """Yield what shows a job in the way that fits the output: a terminal or not."""
    if not console.is_terminal:
        yield _Lines(console).show
        return
    columns = SpinnerColumn(), BarColumn(30), TaskProgressColumn(), TextColumn("{task.description}")
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
    task = bar.add_task("", total=None)
    with bar:
        yield partial(_update, bar, task)


def described(job: Job) -> str:
    """Return how far a job is, in a sentence."""
    progress = job.progress
    if job.status is JobStatus.QUEUED:
        return "queued: waits for its turn"
    return (
        f"{progress.phase}: {progress.deals_done:,} deals, {progress.activities_written:,} activities, "
        f"{progress.calls:,} calls"
    )


def _update(bar: Progress, task: TaskID, text: str, percent: float | None, seconds_left: float | None) -> None:
    ending = "" if seconds_left is None else f", {seconds_left:,.0f} s left"
    total = None if percent is None else 100.0
    bar.update(task, description=text + ending, total=total, completed=percent or 0.0)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = float("-inf")

    def show(self, text: str, percent: float | None, _seconds_left: float | None) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LINE_SECONDS
        shown = text if percent is None else f"{percent:.1f} % {text}"
        self._console.print(shown, soft_wrap=True, highlight=False, markup=False)
