"""The ``flask`` commands: sync in the foreground, look at jobs, cancel one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from types import FrameType

import click
from flask import current_app
from rich.console import Console
from rich.table import Column, Table

from dealcache.api.deal_lists import stage_labels, stage_name
from dealcache.group import Presence
from dealcache.hubspot import HubSpotError
from dealcache.jobs import FINAL, Job, JobStatus, JobType, SyncRequest
from dealcache.progress_display import Display, display_for
from dealcache.repositories import Cancellation, StoreError, SyncJobRepository, ensure_indexes
from dealcache.wiring import Storage, Sync

#: Exit codes beside 0 (the job is completed) and 2 (the command line is wrong).
EXIT_FAILED = 1
EXIT_CANCELLED = 3
EXIT_INTERRUPTED = 130

_EXIT_CODES = {JobStatus.COMPLETED: 0, JobStatus.CANCELLED: EXIT_CANCELLED}

#: Columns of a table that no person looks at.
_PIPED_WIDTH = 200

#: Seconds between two looks at the running job.
_LOOK_SECONDS = 0.5


@click.command("sync")
@click.option("--full", is_flag=True, help="Everything that HubSpot has.")
@click.option("--stage", help="The deals of this stage: its label in any case, or its id.")
@click.option("--since", metavar="DAYS|DATE", help="What changed in so many days, or since that day (YYYY-MM-DD).")
@click.option("--deal", help="One deal: its name or id.")
def sync_command(full: bool, stage: str | None, since: str | None, deal: str | None) -> None:
    """Bring MongoDB up to date with HubSpot; without an option, by what changed since the last sync.

    Ctrl-C leaves the job for later: the service, or the same command, goes on with it. Exit codes: 0 completed, 1
    failed, 2 wrong command line, 3 cancelled, 130 interrupted.
    """
    sync, storage = _parts()
    request = _request(full, stage, since, deal)
    try:
        ensure_indexes(storage.connection)
        sync.fill_pipelines()
        if request.stage is not None:
            request = replace(request, stage=_known_stage(storage, request.stage))
        now = datetime.now(UTC)
        job, added = storage.sync_jobs.add(request, now, reserved_for=sync.owner, reserved_until=sync.reservation(now))
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    except HubSpotError as error:
        raise click.ClickException(f"HubSpot: {error}") from None
    if not added:
        click.echo(f"This sync is {job.status} already, as job {job.job_id}.")
    raise SystemExit(_foreground(sync, storage.sync_jobs, job))


@click.group("jobs", invoke_without_command=True)
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), help="Only jobs that are so.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@click.pass_context
def jobs_command(context: click.Context, status: str | None, limit: int) -> None:
    """List the latest sync jobs."""
    if context.invoked_subcommand is not None:
        return
    try:
        total, jobs = _parts()[1].sync_jobs.list(JobStatus(status) if status else None, limit)
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    table = Table(Column("job", no_wrap=True, min_width=32), box=None)
    for name in ("type", "status", "begun", "deals", "activities"):
        table.add_column(name, no_wrap=True)
    table.add_column("message", overflow="fold")
    for job in jobs:
        begun = job.started_at.strftime("%Y-%m-%d %H:%M:%S") if job.started_at else "-"
        progress = job.progress
        counts = (f"{progress.deals_read:,}", f"{progress.activities_read:,}")
        table.add_row(job.job_id, job.request.type, job.status, begun, *counts, job.error or job.message)
    console = _console()
    console.print(table)
    console.print(f"{len(jobs)} of {total} jobs")


@jobs_command.command("cancel")
@click.argument("job_id")
def cancel_command(job_id: str) -> None:
    """Cancel the job JOB_ID; what it has stored stays."""
    try:
        outcome = _parts()[1].sync_jobs.cancel(job_id, datetime.now(UTC))
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    if outcome is Cancellation.UNKNOWN:
        raise click.ClickException(f"there is no job {job_id}")
    if outcome is Cancellation.REFUSED:
        raise click.ClickException(f"job {job_id} has ended already")
    click.echo("The job is cancelled." if outcome is Cancellation.CANCELLED else "The job stops within seconds.")


def _console() -> Console:
    """Where tables go: as wide as the terminal; wide enough for any message where a program reads them."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)


def _parts() -> tuple[Sync, Storage]:
    sync: Sync = current_app.extensions["dealcache.sync"]
    return sync, sync.storage


def _request(full: bool, stage: str | None, since: str | None, deal: str | None) -> SyncRequest:
    """What the options ask for.

    Raises:
        UsageError: they contradict each other.
    """
    days = None if since is None else _days(since)
    if full and (stage or deal or days):
        raise click.UsageError("--full goes with no other option")
    if deal and (stage or days):
        raise click.UsageError("--deal goes with no other option")
    if full:
        return SyncRequest(JobType.FULL)
    if deal:
        return SyncRequest(JobType.DEAL, deal=deal.strip())
    if stage:
        return SyncRequest(JobType.STAGE, stage=stage, epoch_days=days)
    return SyncRequest(JobType.INCREMENTAL) if days is None else SyncRequest(JobType.SINCE, epoch_days=days)


def _days(since: str) -> int:
    """How many days back ``since`` is: a number of days, or a day."""
    try:
        count = int(since) if since.isdecimal() else (datetime.now(UTC).date() - date.fromisoformat(since)).days + 1
    except ValueError:
        raise click.UsageError(f"--since takes a number of days or a day (YYYY-MM-DD), not {since!r}") from None
    if not 1 <= count <= 3650:
        raise click.UsageError("--since reaches 1 to 3650 days back")
    return count


def _known_stage(storage: Storage, stage: str) -> str:
    """The one name of a stage, under which the API asks for it too."""
    pipelines = storage.pipelines.all()
    name = stage_name(pipelines, stage)
    if name is None:
        labels = ", ".join(stage_labels(pipelines)) or "none known yet"
        raise click.UsageError(f"there is no stage {stage!r}; there are: {labels}")
    return name


def _foreground(sync: Sync, jobs: SyncJobRepository, job: Job) -> int:
    """Work on a job until it has ended, showing how far it is; the exit code."""
    failure: list[StoreError] = []

    def work() -> None:
        try:
            sync.runner.work_on(job.job_id)
        except StoreError as error:
            failure.append(error)

    signal.signal(signal.SIGTERM, _interrupt)
    worker = threading.Thread(target=work, name="sync-foreground", daemon=True)
    worker.start()
    began_at = time.monotonic()
    with display_for(_console()) as display, _present() as presence:
        try:
            while worker.is_alive():
                worker.join(_LOOK_SECONDS)
                _show(display, presence, jobs, job.job_id)
        except KeyboardInterrupt:
            sync.runner.stop()
            worker.join()
            return _interrupted(jobs, job.job_id)
    if failure:
        raise click.ClickException(f"MongoDB: {failure[0]}")
    return _ended(jobs.get(job.job_id), time.monotonic() - began_at)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _present() -> Iterator[Presence]:
    """This process among all that live, with whom it shares HubSpot's limits."""
    presence: Presence = current_app.extensions["dealcache.presence"]
    try:
        yield presence
    finally:
        presence.leave()


def _show(display: Display, presence: Presence, jobs: SyncJobRepository, job_id: str) -> None:
    try:
        presence.keep()
        job = jobs.get(job_id)
    except StoreError:
        display.note("MongoDB does not answer; the job waits for it")
        return
    if job is not None:
        display.show(job)


def _interrupted(jobs: SyncJobRepository, job_id: str) -> int:
    job = jobs.get(job_id)
    if job is not None and job.status in FINAL:
        return _ended(job, 0.0)
    click.echo(f"Interrupted. Job {job_id} is left as it is: the service or the same command goes on with it.")
    return EXIT_INTERRUPTED


def _ended(job: Job | None, seconds: float) -> int:
    if job is None:
        raise click.ClickException("the job has disappeared")
    table = Table(show_header=False, box=None)
    progress = job.progress
    for name, value in (
        ("job", job.job_id),
        ("status", job.status),
        ("message", job.error or job.message),
        ("deals read", f"{progress.deals_read:,}"),
        ("deals changed", f"{progress.deals_changed:,}"),
        ("activities read", f"{progress.activities_read:,}"),
        ("activities stored", f"{progress.activities_written:,}"),
        ("calls to HubSpot", f"{progress.calls:,}"),
        ("waited for limits", f"{progress.waited_seconds:,.1f} s, over all threads"),
        ("took", f"{seconds:,.1f} s"),
    ):
        table.add_row(name, str(value))
    _console().print(table)
    return _EXIT_CODES.get(job.status, EXIT_FAILED)
