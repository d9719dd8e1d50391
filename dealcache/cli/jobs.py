"""``jobs``: lists the latest sync jobs, and cancels one."""

from __future__ import annotations

import click
from rich.markup import escape
from rich.table import Column, Table

from dealcache.cli.support import console, container, named_failures
from dealcache.model.jobs import JobStatus
from dealcache.repositories import Cancellation


@click.group("jobs", invoke_without_command=True)
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), help="Only jobs with this status.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@click.pass_context
def jobs_command(context: click.Context, status: str | None, limit: int) -> None:
    """List the latest sync jobs."""
    if context.invoked_subcommand is not None:
        return
    with named_failures():
        total, jobs = container().storage.sync_jobs.list(JobStatus(status) if status else None, limit)
    table = Table(Column("job", no_wrap=True, min_width=32), box=None)
    for name in ("type", "status", "begun", "deals", "activities"):
        table.add_column(name, no_wrap=True)
    table.add_column("message", overflow="fold")
    for job in jobs:
        begun = job.started_at.strftime("%Y-%m-%d %H:%M:%S") if job.started_at else "-"
        progress = job.progress
        counts = (f"{progress.deals_done:,}", f"{progress.activities_read:,}")
        message = "\n".join((job.error or job.message, *(f"warning: {one}" for one in progress.warnings)))
        table.add_row(job.job_id, job.request.type, job.status, begun, *counts, escape(message))
    output = console()
    output.print(table)
    output.print(f"{len(jobs)} of {total} jobs")


@jobs_command.command("cancel")
@click.argument("job_id")
def cancel_command(job_id: str) -> None:
    """Cancel the job JOB_ID; what it has stored stays."""
    with named_failures():
        outcome = container().storage.sync_jobs.cancel(job_id, container().now())
    if outcome is Cancellation.UNKNOWN:
        raise click.ClickException(f"there is no job {job_id}")
    if outcome is Cancellation.REFUSED:
        raise click.ClickException(f"job {job_id} has already ended")
    click.echo("The job is cancelled." if outcome is Cancellation.CANCELLED else "The job stops within seconds.")
