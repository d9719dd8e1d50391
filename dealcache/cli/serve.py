"""``serve``: checks the environment, then becomes gunicorn."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click

from dealcache.cli.support import become
from dealcache.server.hooks import prepare
from dealcache.settings import VARIABLES


@click.command("serve", short_help="Serve the API and the console.")
def serve_command() -> None:
    """Serve the API and the console with gunicorn, from any working directory.

    Exit codes: 2 when the environment holds a bad value, else those of gunicorn, which takes the place of this process.
    """
    prepare(os.environ)
    become(
        "dealcache.server",
        "-c",
        "python:dealcache.server.gunicorn_conf",
        "dealcache.wsgi:app",
        environ=_set(os.environ),
    )


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without our variables that are empty, which gunicorn would not take for missing ones."""
    ours = {variable.name for variable in VARIABLES}
    return {name: text for name, text in environ.items() if text.strip() or name not in ours}
