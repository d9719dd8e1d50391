"""The ``flask`` commands: sync in the foreground, look at jobs, cancel one, check the lists."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from types import FrameType
from typing import TYPE_CHECKING

import click
from flask import current_app
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dealcache.cluster import Membership
from dealcache.hubspot import HubSpotError, Unauthorised
from dealcache.model.jobs import FINAL, MOST_EPOCH_DAYS, Job, JobStatus, SyncRequest
from dealcache.repositories import Cancellation, StoreError, SyncJobRepository, ensure_indexes
from dealcache.repositories.storage import Storage
from dealcache.sync.job_lease import LEASE
from dealcache.sync.progress_display import Display, deals_done, display_for

if TYPE_CHECKING:  # it is wired with these commands
    from dealcache.container import Container

#: Exit codes beside 0 (the job is completed) and 2 (the command line is wrong).
EXIT_FAILED = 1
EXIT_CANCELLED = 3
EXIT_INTERRUPTED = 130

_EXIT_CODES = {JobStatus.COMPLETED: 0, JobStatus.CANCELLED: EXIT_CANCELLED}

#: Deals that a command names at most.
_MOST_NAMED = 20

#: Columns of a table that no person looks at.
_PIPED_WIDTH = 200

#: Seconds between two looks at the running job.
_LOOK_SECONDS = 0.5


@click.command("sync")
@click.option("--full", is_flag=True, help="Everything that HubSpot has.")
@click.option("--stage", help="The deals of this stage: its label in any case, or its id.")
@click.option("--since", metavar="DAYS|DATE", help="What changed in this many days, or since a day (YYYY-MM-DD).")
@click.option("--deal", help="One deal: its name or id.")
def sync_command(full: bool, stage: str | None, since: str | None, deal: str | None) -> None:
    """Bring MongoDB up to date with HubSpot; without an option, by what changed since the last sync.

    Ctrl-C leaves the job for later: the service, or the same command, goes on with it. Exit codes: 0 completed, 1
    failed, 2 wrong command line, 3 cancelled, 130 interrupted.
    """
    container = _container()
    storage = container.storage
    request = _request(full, stage, since, deal)
    try:
        ensure_indexes(storage.connection)
        storage.learn_installation()
        container.check_account()
        _fill_labels(container, needed=request.stage is not None)
        if request.stage is not None:
            request = replace(request, stage=_known_stage(storage, request.stage))
        now = container.now()
        owner = container.membership.owner
        job, added = storage.sync_jobs.add(request, now, reserved_for=owner, reserved_until=now + LEASE)
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    except HubSpotError as error:
        raise click.ClickException(f"HubSpot: {error}") from None
    if not added:
        click.echo(f"This sync is {job.status} already, as job {job.job_id}.")
    raise SystemExit(_foreground(container, job))


def _fill_labels(container: Container, *, needed: bool) -> None:
    """Have labels in MongoDB; a sync that names no stage does without those that HubSpot refuses."""
    try:
        container.labels.fill(container.storage.labels.read_at())
    except HubSpotError as error:
        if needed or isinstance(error, Unauthorised):
            raise
        click.echo(f"HubSpot does not give out all labels: {error}", err=True)


@click.group("jobs", invoke_without_command=True)
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), help="Only jobs with this status.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@click.pass_context
def jobs_command(context: click.Context, status: str | None, limit: int) -> None:
    """List the latest sync jobs."""
    if context.invoked_subcommand is not None:
        return
    try:
        total, jobs = _container().storage.sync_jobs.list(JobStatus(status) if status else None, limit)
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    table = Table(Column("job", no_wrap=True, min_width=32), box=None)
    for name in ("type", "status", "begun", "deals", "activities"):
        table.add_column(name, no_wrap=True)
    table.add_column("message", overflow="fold")
    for job in jobs:
        begun = job.started_at.strftime("%Y-%m-%d %H:%M:%S") if job.started_at else "-"
        progress = job.progress
        counts = (f"{deals_done(progress):,}", f"{progress.activities_read:,}")
        message = "\n".join((job.error or job.message, *(f"warning: {one}" for one in progress.warnings)))
        table.add_row(job.job_id, job.request.type, job.status, begun, *counts, escape(message))
    console = _console()
    console.print(table)
    console.print(f"{len(jobs)} of {total} jobs")


@jobs_command.command("cancel")
@click.argument("job_id")
def cancel_command(job_id: str) -> None:
    """Cancel the job JOB_ID; what it has stored stays."""
    try:
        outcome = _container().storage.sync_jobs.cancel(job_id, _container().now())
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    if outcome is Cancellation.UNKNOWN:
        raise click.ClickException(f"there is no job {job_id}")
    if outcome is Cancellation.REFUSED:
        raise click.ClickException(f"job {job_id} has ended already")
    click.echo("The job is cancelled." if outcome is Cancellation.CANCELLED else "The job stops within seconds.")


@click.group("lists")
def lists_command() -> None:
    """Look after the lists of deals."""


@lists_command.command("check")
@click.option("--mend", is_flag=True, help="Count the activities of deals that are wrong again.")
def check_command(mend: bool) -> None:
    """Compare what lists show of all deals' activities with what counting them gives.

    Exit codes: 0 all are as counted, or are by now; 1 some are not; 2 wrong command line.
    """
    checked, wrong = 0, list[str]()
    try:
        for page in _container().storage.summary_check.pages(mend=mend):
            checked += page.checked
            wrong += page.wrong
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    click.echo(f"deals compared: {checked:,}")
    click.echo(f"not shown as counted: {len(wrong):,}{', counted again' if mend and wrong else ''}")
    more = [f"and {len(wrong) - _MOST_NAMED:,} more"] if len(wrong) > _MOST_NAMED else []
    for line in (*wrong[:_MOST_NAMED], *more):
        click.echo(f"  {line}")
    if wrong and not mend:
        raise SystemExit(EXIT_FAILED)


def _console() -> Console:
    """Return where tables go: as wide as the terminal; wide enough for any message where a program reads them."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)


def _container() -> Container:
    container: Container = current_app.extensions["dealcache"]
    return container


def _request(full: bool, stage: str | None, since: str | None, deal: str | None) -> SyncRequest:
    """Return the sync that the options ask for.

    Raises:
        UsageError: they contradict each other.
    """
    days = None if since is None else _days(since)
    if full and (stage or deal or days):
        raise click.UsageError("--full goes with no other option")
    if deal and (stage or days):
        raise click.UsageError("--deal goes with no other option")
    return SyncRequest.for_options(everything=full, deal=deal or None, stage=stage or None, days=days)


def _days(since: str) -> int:
    """Return the number of days back to ``since``, which is a number of days or a day."""
    try:
        count = int(since) if since.isdecimal() else (datetime.now(UTC).date() - date.fromisoformat(since)).days + 1
    except ValueError:
        raise click.UsageError(f"--since takes a number of days or a day (YYYY-MM-DD), not {since!r}") from None
    if not 1 <= count <= MOST_EPOCH_DAYS:
        raise click.UsageError(f"--since reaches 1 to {MOST_EPOCH_DAYS} days back")
    return count


def _known_stage(storage: Storage, stage: str) -> str:
    """The one name of a stage, under which the API asks for it too."""
    labels = storage.labels.read()
    name = labels.stage_name(stage)
    if name is None:
        known = ", ".join(labels.stage_labels()) or "none known yet"
        raise click.UsageError(f"there is no stage {stage!r}; there are: {known}")
    return name


def _foreground(container: Container, job: Job) -> int:
    """Work on a job until it has ended, showing how far it is; the exit code."""
    jobs, runner = container.storage.sync_jobs, container.runner
    failure: list[StoreError] = []

    def work() -> None:
        try:
            runner.run_job(job.job_id)
        except StoreError as error:
            failure.append(error)

    signal.signal(signal.SIGTERM, _interrupt)
    worker = threading.Thread(target=work, name="sync-foreground", daemon=True)
    worker.start()
    began_at = time.monotonic()
    with display_for(_console()) as display, _registered(container.membership):
        try:
            while worker.is_alive():
                worker.join(_LOOK_SECONDS)
                _show(display, jobs, job.job_id)
        except KeyboardInterrupt:
            runner.stop()
            worker.join()
            return _interrupted(jobs, job.job_id)
    if failure:
        raise click.ClickException(f"MongoDB: {failure[0]}")
    return _ended(jobs.get(job.job_id), time.monotonic() - began_at)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _registered(membership: Membership) -> Iterator[None]:
    """Count this process among all that live, with which it shares HubSpot's limits."""
    membership.start()
    try:
        yield
    finally:
        membership.stop()


def _show(display: Display, jobs: SyncJobRepository, job_id: str) -> None:
    try:
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
    _console().print(table)
    return _EXIT_CODES.get(job.status, EXIT_FAILED)
