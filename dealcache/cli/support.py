"""The parts that commands share: the container, errors in one line, and tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from flask import current_app
from rich.console import Console

from dealcache.hubspot import HubSpotError
from dealcache.repositories import StoreError

if TYPE_CHECKING:  # it is wired with these commands
    from dealcache.container import Container

#: Exit codes beside 0 (done) and 2 (wrong command line).
EXIT_FAILED = 1
EXIT_CANCELLED = 3
EXIT_INTERRUPTED = 130

#: Columns of a table that is written to a file or a pipe: wide enough for any message.
_PIPED_WIDTH = 200


def container() -> Container:
    """Return the container of the application that runs the command."""
    wired: Container = current_app.extensions["dealcache"]
    return wired


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
