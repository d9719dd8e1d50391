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

#: Shows how far a job is now, or a sentence instead.
Show = Callable[[Job | str], None]


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


def _described(job: Job) -> str:
    progress = job.progress
    if job.status is JobStatus.QUEUED:
        return "queued: waits for its turn"
    return (
        f"{progress.phase}: {progress.deals_done:,} deals, {progress.activities_written:,} activities, "
        f"{progress.calls:,} calls"
    )


def _update(bar: Progress, task: TaskID, shown: Job | str) -> None:
    if isinstance(shown, str):
        bar.update(task, description=shown, total=None)
        return
    left, percent = shown.progress.seconds_left, shown.progress.percent
    ending = "" if left is None else f", {left:,.0f} s left"
    total = None if percent is None else 100.0
    bar.update(task, description=_described(shown) + ending, total=total, completed=percent or 0.0)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = float("-inf")

    def show(self, shown: Job | str) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LINE_SECONDS
        percent = None if isinstance(shown, str) else shown.progress.percent
        text = shown if isinstance(shown, str) else _described(shown)
        text = text if percent is None else f"{percent:.1f} % {text}"
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)
