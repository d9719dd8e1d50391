"""Shows how far a job is: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from dealcache.model.jobs import Job, JobStatus
from dealcache.model.jobs import Progress as JobProgress

#: Seconds between two lines where there is no terminal.
_LINE_SECONDS = 5.0


class Display(Protocol):
    """Shows a job; a context manager."""

    def __enter__(self) -> Display:
        """Open the display."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def show(self, job: Job) -> None:
        """Show how far ``job`` is now."""

    def note(self, text: str) -> None:
        """Show a sentence instead."""


def display_for(console: Console) -> Display:
    """Return the display for the kind of output: a terminal or not."""
    return _Bar(console) if console.is_terminal else _Lines(console)


def deals_done(progress: JobProgress) -> int:
    """Return how many deals a job has finished: it may store them long before all their activities are read."""
    return max(progress.deals_read, progress.deals_written)


def _described(job: Job) -> str:
    progress = job.progress
    if job.status is JobStatus.QUEUED:
        return "queued: waits for its turn"
    return (
        f"{progress.phase}: {deals_done(progress):,} deals, {progress.activities_written:,} activities, "
        f"{progress.calls:,} calls"
    )


class _Bar:
    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(), BarColumn(30), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
            console=console, transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, job: Job) -> None:
        left = job.progress.seconds_left
        ending = "" if left is None else f", {left:,.0f} s left"
        percent = job.progress.percent
        total = None if percent is None else 100.0
        self._progress.update(self._task, description=_described(job) + ending, total=total, completed=percent or 0.0)

    def note(self, text: str) -> None:
        self._progress.update(self._task, description=text, total=None)


class _Lines:
    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._next = float("-inf")

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def show(self, job: Job) -> None:
        percent = job.progress.percent
        self.note(("" if percent is None else f"{percent:.1f} % ") + _described(job))

    def note(self, text: str) -> None:
        if self._clock() >= self._next:
            self._next = self._clock() + _LINE_SECONDS
            self._console.print(text, soft_wrap=True, highlight=False, markup=False)
