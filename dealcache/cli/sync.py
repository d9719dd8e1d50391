"""``sync``: brings MongoDB up to date with HubSpot, in the foreground."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from dealcache.cli.foreground import run_in_foreground
from dealcache.cli.support import container, named_failures
from dealcache.hubspot.errors import HubSpotError, Unauthorised
from dealcache.model.jobs import MOST_EPOCH_DAYS, SyncRequest
from dealcache.repositories import ensure_indexes
from dealcache.repositories.storage import Storage
from dealcache.sync.job_lease import LEASE

if TYPE_CHECKING:  # it is wired with these commands
    from dealcache.container import Container


@click.command("sync", short_help="Bring MongoDB up to date with HubSpot.")
@click.option("--full", is_flag=True, help="Everything that HubSpot has.")
@click.option("--stage", help="The deals of this stage: its label in any case, or its id.")
@click.option("--since", metavar="DAYS|DATE", help="What changed in this many days, or since a day (YYYY-MM-DD).")
@click.option("--deal", help="One deal: its name or id.")
def sync_command(full: bool, stage: str | None, since: str | None, deal: str | None) -> None:
    """Bring MongoDB up to date with HubSpot; without an option, by what changed since the last sync.

    Ctrl-C leaves the job for later: the service, or the same command, continues it. Exit codes: 0 completed, 1 failed,
    2 wrong command line, 3 cancelled, 130 interrupted.
    """
    parts = container()
    storage = parts.storage
    request = _request(full, stage, since, deal)
    with named_failures():
        ensure_indexes(storage.connection, people=parts.names_people)
        storage.learn_installation()
        parts.check_account()
        _fill_labels(parts, needed=request.stage is not None)
        if request.stage is not None:
            request = replace(request, stage=_known_stage(storage, request.stage))
        now = parts.now()
        owner = parts.membership.owner
        job, added = storage.sync_jobs.add(request, now, reserved_for=owner, reserved_until=now + LEASE)
    if not added:
        click.echo(f"This sync is {job.status} already, as job {job.job_id}.")
    raise SystemExit(run_in_foreground(parts, job))


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


def _fill_labels(parts: Container, *, needed: bool) -> None:
    """Store labels in MongoDB; a sync that names no stage does without those that HubSpot refuses."""
    try:
        parts.fill_labels()
    except HubSpotError as error:
        if needed or isinstance(error, Unauthorised):
            raise
        click.echo(f"HubSpot does not return all labels: {error}", err=True)


def _known_stage(storage: Storage, stage: str) -> str:
    """Return the one name of a stage, under which the API asks for it too.

    Raises:
        UsageError: there is no such stage.
    """
    labels = storage.labels.read()
    name = labels.stage_name(stage)
    if name is None:
        known = ", ".join(labels.stage_labels()) or "none known yet"
        raise click.UsageError(f"there is no stage {stage!r}; there are: {known}")
    return name
