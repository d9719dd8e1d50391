"""The command ``dealcache``, which comes with the package."""

from __future__ import annotations

from typing import Any

import click

from dealcache import __version__
from dealcache.cli import COMMANDS
from dealcache.cli.check import check_command
from dealcache.cli.config import config_command
from dealcache.cli.serve import demo_command, serve_command
from dealcache.settings import SettingsError

#: The exit code for a bad value in the environment; click's own for a wrong command line.
_EXIT_USAGE = 2


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a bad value in the environment ends it with one line."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.echo(f"dealcache: {error}", err=True)
            ctx.exit(_EXIT_USAGE)


@click.group(name="dealcache", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Serve HubSpot's deals from a cache, and look after it.

    The settings are environment variables.
    """


for command in (serve_command, demo_command, check_command, config_command, *COMMANDS):
    main.add_command(command)
