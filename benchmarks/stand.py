"""The test stand: mongod, Redis, a simulated HubSpot and the service, each started when a section needs it first."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from pymongo import MongoClient

from benchmarks.client import ask, expect
from benchmarks.hubspot import HubSpot
from benchmarks.service import ROOT, Server, StartError, gunicorn, new_bind
from dealcache.repositories import Connection, ensure_indexes
from dealcache.sandbox.embedded import Mongod, processes
from dealcache.sandbox.simulator.simulator import DEFAULT_TOKEN
from tests.redis_server import RedisServer

#: Far longer than any section: what is measured must not turn into misses under way.
_TTL_SECONDS = "86400"
_SAYS = "simulator listening on "
#: A million activities take the simulator a while to make up.
_START_SECONDS = 300.0
_SMALL_ACCOUNT = ("--deals", "200")


class Stand:
    """A context manager that stops all it has started, the last first.

    Args:
        account: the simulator's arguments that decide how much there is in HubSpot.
    """

    def __init__(self, account: Sequence[str] = _SMALL_ACCOUNT) -> None:
        self._account = account
        self._started = ExitStack()
        self._logs = 0

    @cached_property
    def directory(self) -> Path:
        """Holds data and logs; removed at the end."""
        return Path(self._started.enter_context(tempfile.TemporaryDirectory(prefix="dealcache-benchmark-")))

    @cached_property
    def mongodb_uri(self) -> str:
        """The URI of the mongod."""
        mongod = Mongod(self.directory / "mongodb", log_path=self.new_log())
        self._started.callback(mongod.stop)
        return mongod.start()

    @cached_property
    def mongodb(self) -> MongoClient[dict[str, Any]]:
        """A client of its own, for what the service is compared with and for emptying databases."""
        return self._started.enter_context(MongoClient(self.mongodb_uri))

    @cached_property
    def redis_url(self) -> str:
        """The URL of the Redis."""
        server = RedisServer(self.directory / "redis")
        self._started.callback(server.kill)
        return server.start()

    @cached_property
    def hubspot(self) -> HubSpot:
        """A simulated HubSpot in a process of its own, with HubSpot's request limits."""
        log = self.new_log()
        with log.open("wb") as output:
            command = [sys.executable, "-u", "-m", "dealcache.sandbox.simulator", "--port", "0", *self._account]
            process = processes.start(command, directory=ROOT, output=output)
        self._started.callback(processes.stop, process, 5.0)
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            first, newline, _ = log.read_text("utf-8", "replace").partition("\n")
            if newline and first.startswith(_SAYS):
                return HubSpot(first.removeprefix(_SAYS))
            time.sleep(0.05)
        raise StartError(f"the simulator did not start: {processes.log_tail(log, 0, 8)}")

    def environ(self, database: str, **more: str) -> dict[str, str]:
        """The environment in which the service uses this stand and an empty, indexed database."""
        connection = Connection(self.mongodb_uri, database)
        ensure_indexes(connection)
        connection.close()
        return {
            "HUBSPOT_BASE_URL": self.hubspot.base_url,
            "HUBSPOT_ACCESS_TOKEN": DEFAULT_TOKEN,
            "MONGODB_URI": self.mongodb_uri,
            "MONGODB_DATABASE": database,
            "CACHE_TTL_SECONDS": _TTL_SECONDS,
            "LOG_FORMAT": "json",
        } | more

    def service(self, database: str, **more: str) -> Server:
        """The service as it is deployed, with the default number of threads; the caller stops it.

        Args:
            database: which one it uses, empty at first; no other service has it.
            more: settings that differ from the defaults, by their variables.
        """
        metrics = str(self.directory / f"metrics of {database}")  # removed with the rest, however the service ends
        environ = self.environ(database, PROMETHEUS_MULTIPROC_DIR=metrics, **more)
        bind = new_bind()
        command = gunicorn(bind, "-c", "gunicorn.conf.py", "wsgi:app")
        return self.serve(Server(command, bind, self.new_log(), environ | {"BIND": bind}), "/readyz")

    def serve(self, server: Server, path: str) -> Server:
        """Stop ``server`` with the stand, and wait until it answers ``path`` with 200."""
        self._started.callback(server.stop)
        server.wait(path)
        return server

    def make_cold(self, server: Server, database: str) -> None:
        """Empty memory and MongoDB of all deals, so that the next read has to ask HubSpot."""
        expect(ask(server.base_url, "/api/hubspot/clear-endpoint-cache", "DELETE"))
        for collection in ("deal_info", "deal_timeline"):
            self.mongodb[database][collection].delete_many({})

    def new_log(self) -> Path:
        """A file in the directory that nobody else writes to."""
        self._logs += 1
        return self.directory / f"{self._logs}.log"

    def __enter__(self) -> Stand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.close()
