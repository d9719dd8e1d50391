"""Runs a sync job in the foreground of a terminal, showing its progress."""

from __future__ import annotations

import gc
import signal
import threading
import time
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from dealcache.cli.progress_display import Show, progress_on
from dealcache.cli.support import EXIT_CANCELLED, EXIT_FAILED, EXIT_INTERRUPTED, console
from dealcache.model.jobs import FINAL, Job, JobStatus
from dealcache.repositories import StoreError, SyncJobRepository

if TYPE_CHECKING:  # it is wired with these commands
    from dealcache.container import Container

_EXIT_CODES = {JobStatus.COMPLETED: 0, JobStatus.CANCELLED: EXIT_CANCELLED}

#: Seconds between two looks at the running job.
_LOOK_SECONDS = 0.5


def run_in_foreground(parts: Container, job: Job) -> int:
    """Work on a job until it has ended or the user interrupts it; return the exit code."""
    jobs, runner = parts.storage.sync_jobs, parts.runner
    failure: list[StoreError] = []

    def work() -> None:
        try:
            runner.run_job(job.job_id)
        except StoreError as error:
            failure.append(error)

    # What was made up to here stays: collections that go through it again take a sixth of a sync's processor time.
    gc.freeze()
    signal.signal(signal.SIGTERM, _interrupt)
    worker = threading.Thread(target=work, name="sync-foreground", daemon=True)
    worker.start()
    began_at = time.monotonic()
    with progress_on(console()) as show, ExitStack() as ends:
        # This process counts among all live ones, with which it shares HubSpot's limits.
        parts.membership.start()
        ends.callback(parts.membership.stop)
        try:
            while worker.is_alive():
                worker.join(_LOOK_SECONDS)
                _show_job(show, jobs, job.job_id)
        except KeyboardInterrupt:
            runner.stop()
            worker.join()
            return _interrupted(jobs, job.job_id)
    if failure:
        raise click.ClickException(f"MongoDB: {failure[0]}")
    return _ended(jobs.get(job.job_id), time.monotonic() - began_at)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show_job(show: Show, jobs: SyncJobRepository, job_id: str) -> None:
    try:
        job = jobs.get(job_id)
    except StoreError:
        show("MongoDB does not answer; the job waits for it")
        return
    if job is not None:
        show(job)


def _interrupted(jobs: SyncJobRepository, job_id: str) -> int:
    job = jobs.get(job_id)
    if job is not None and job.status in FINAL:
        return _ended(job, 0.0)
    click.echo(f"Interrupted. Job {job_id} is left as it is: the service or the same command continues it.")
    return EXIT_INTERRUPTED


def _ended(job: Job | None, seconds: float) -> int:
    """Print the result of a job that has ended; return the exit code."""
    if job is None:
        raise click.ClickException("the job has disappeared")
    table = Table(show_header=False, box=None)
    progress = job.progress
    for name, value in (
        ("job", job.job_id),
        ("status", job.status),
        ("message", job.error or job.message),
        *(("warning", one) for one in progress.warnings),
        ("deals read", f"{progress.deals_read:,}"),
        ("deals changed", f"{progress.deals_changed:,}"),
        ("activities read", f"{progress.activities_read:,}"),
        ("activities stored", f"{progress.activities_written:,}"),
        ("calls to HubSpot", f"{progress.calls:,}"),
        ("waited for limits", f"{progress.waited_seconds:,.1f} s, over all threads"),
        ("took", f"{seconds:,.1f} s"),
    ):
        table.add_row(name, escape(str(value)))
    console().print(table)
    return _EXIT_CODES.get(job.status, EXIT_FAILED)
