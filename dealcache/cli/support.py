"""The parts that commands share: the container, errors in one line, tables, and becoming another program."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click
from flask import current_app, has_app_context
from rich.console import Console

from dealcache.breaker import Breaker
from dealcache.hubspot.errors import HubSpotError
from dealcache.repositories import Connection, StoreError
from dealcache.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:  # it is wired with these commands
    from dealcache.container import Container
    from dealcache.redis_connection import RedisConnection

#: Exit codes beside 0 (done) and 2 (wrong command line).
EXIT_FAILED = 1
EXIT_CANCELLED = 3
EXIT_INTERRUPTED = 130

#: Columns of a table that is written to a file or a pipe: wide enough for any message.
_PIPED_WIDTH = 200


def container() -> Container:
    """Return the container: that of the application which ``flask`` has loaded, else one for the environment.

    Raises:
        SettingsError: the environment holds an invalid value.
    """
    if has_app_context():
        wired: Container = current_app.extensions["dealcache"]
        return wired
    root = click.get_current_context().find_root()
    if root.obj is None:
        settings = load_settings(os.environ)
        # A command has no workers whose metrics it could add up, and nothing would remove what it leaves there.
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
        from dealcache.container import Container

        root.obj = Container(settings)
    made: Container = root.obj
    return made


def connect_mongodb(settings: Settings) -> Connection:
    """Return a connection to MongoDB for a few operations, of which none is refused because another one has failed.

    Raises:
        SettingsError: the URI is invalid in a way that only the driver finds out.
    """
    try:
        return Connection(settings.mongodb_uri, settings.mongodb_database, breaker=Breaker(0.0))
    except StoreError as error:
        raise SettingsError(f"MONGODB_URI holds a value that is not shown: {error}") from None


def connect_redis(settings: Settings) -> RedisConnection | None:
    """Return a connection to Redis for a few operations; None without ``REDIS_URL``.

    Raises:
        SettingsError: the libraries for it are missing, or refuse an option of the URL.
    """
    if settings.redis_url is None:
        return None
    from dealcache.container import through_redis  # with all parts of the service, which take long to import

    return through_redis.connect_redis(settings, lambda: "command")


def become(module: str, *arguments: str) -> NoReturn:
    """Replace this process by ``python -m module``, which imports nothing from the working directory."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606 - no shell is wanted


@contextmanager
def named_failures() -> Iterator[None]:
    """Turn failures of MongoDB and HubSpot into one line that names them, and exit code 1."""
    try:
        yield
    except StoreError as error:
        raise click.ClickException(f"MongoDB: {error}") from None
    except HubSpotError as error:
        raise click.ClickException(f"HubSpot: {error}") from None


def console() -> Console:
    """Return the console for tables: as wide as the terminal, or wide enough for programs."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_PIPED_WIDTH)
