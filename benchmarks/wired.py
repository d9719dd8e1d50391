"""The service's parts in this process, wired as in production but without a server around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from benchmarks.stand import Stand
from dealcache.app import create_app
from dealcache.container import Container
from dealcache.settings import load_settings


@contextmanager
def wired_app(stand: Stand, database: str, threads: int = 16) -> Iterator[Flask]:
    """The WSGI application that has these parts; see :func:`wired`."""
    app = create_app(load_settings(stand.environ(database, THREADS=str(threads))))
    try:
        yield app
    finally:
        app.extensions["dealcache"].stop()


@contextmanager
def wired(stand: Stand, database: str, threads: int = 16) -> Iterator[Container]:
    """The parts, on an empty database of ``stand``; closed at the end.

    Args:
        stand: gives MongoDB and HubSpot.
        database: its name.
        threads: for how many threads; three quarters of them may wait for HubSpot at once.
    """
    with wired_app(stand, database, threads) as app:
        yield app.extensions["dealcache"]
