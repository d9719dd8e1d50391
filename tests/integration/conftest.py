"""Real servers for the integration tests: those of the whole session, and others that a test may kill."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dealcache.redis_connection import RedisConnection
from dealcache.repositories import Connection
from dealcache.sandbox.embedded import Mongod
from tests.databases import Databases, fast_directory
from tests.redis_server import RedisServer
from tests.relay import Relay

#: Runs something and returns what MongoDB's profiler says about each of its operations.
Profiled = Callable[[Callable[[], object]], list[dict[str, Any]]]


@pytest.fixture
def database_name(databases: Databases) -> Iterator[str]:
    """The name of a database that nobody else uses, empty and with all indexes."""
    with databases.lent() as name:
        yield name


@pytest.fixture
def connection(mongodb_uri: str, database_name: str) -> Iterator[Connection]:
    """A connection to it."""
    connection = Connection(mongodb_uri, database_name, threads=32)
    yield connection
    connection.close()


@pytest.fixture
def bare_connection(mongodb_uri: str) -> Iterator[Connection]:
    """A connection to an empty database without indexes, which is dropped at the end."""
    connection = Connection(mongodb_uri, f"test_{uuid.uuid4().hex}", threads=32)
    yield connection
    with connection.operation() as database:
        database.client.drop_database(database)
    connection.close()


@pytest.fixture
def namespace() -> str:
    """A part of Redis that nobody else uses."""
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def profiled(connection: Connection) -> Profiled:
    """Watches what MongoDB does for an operation, so that the real one is judged and no copy of it."""
    return partial(_profile, connection)


@pytest.fixture(scope="session")
def profiled_on() -> Callable[[Connection], Profiled]:
    """Does the same for any connection."""
    return lambda connection: partial(_profile, connection)


def _profile(connection: Connection, action: Callable[[], object]) -> list[dict[str, Any]]:
    with connection.operation() as database:
        database.drop_collection("system.profile")
        database.command("profile", 2)
    action()
    with connection.operation() as database:
        database.command("profile", 0)
        return (
            database["system.profile"]
            .find({"op": {"$in": ["query", "command"]}, "ns": {"$regex": "deal_|contacts|companies"}})
            .to_list()
        )


@pytest.fixture
def make_mongod() -> Iterator[Callable[..., Mongod]]:
    """Makes further mongods, not yet started, that the test may stop, kill and start again.

    The name is that of the data directory, so that two may be given the same one; the rest is passed on.
    """
    made: list[Mongod] = []
    with fast_directory() as directory:

        def make(name: str = "mongod", **options: object) -> Mongod:
            mongod = Mongod(directory / name / "data", **options)  # type: ignore[arg-type]
            made.append(mongod)
            return mongod

        yield make
        for mongod in made:
            mongod.kill()


@pytest.fixture
def relay(mongodb_uri: str) -> Iterator[Relay]:
    """A way to the session's mongod that the test may cut, for those to whom it is all the same why MongoDB is gone."""
    relay = Relay(urlsplit(mongodb_uri).port or 0)
    relay.mend()
    yield relay
    relay.close()


@pytest.fixture
def relayed_uri(relay: Relay) -> str:
    """The URI of MongoDB by that way, with the time-outs that the service has by itself."""
    return f"mongodb://127.0.0.1:{relay.port}/?journal=false"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the session's Redis, which nobody may stop; its users keep apart by their namespaces.

    Nothing is given up because a busy machine takes long for it.
    """
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield f"{server.start()}?timeout=30&socket_timeout=30&socket_connect_timeout=30"
    server.kill()


@pytest.fixture
def redis_connection(redis_url: str, namespace: str) -> Iterator[RedisConnection]:
    """A connection to it in a namespace that nobody else uses."""
    connection = RedisConnection(redis_url, namespace, threads=32)
    yield connection
    connection.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, running, which it may stop, freeze and start again.

    It may take longer to answer than the service would wait, for the machine is busy; not too long, for a test that
    freezes it waits for that.
    """
    server = RedisServer(tmp_path / "redis", "?socket_timeout=1.5&socket_connect_timeout=30")
    server.start()
    yield server
    server.kill()
