"""A real Redis of the tests' own, which they may kill, freeze and start again."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import redis

from tests.freezing import freeze, thaw
from tests.ports import free_port
from tests.waiting import PATIENCE


class RedisServer:
    """Debian's ``redis-server`` on a free port of the loopback interface, without persistence.

    Args:
        directory: where it may write.
        options: for the clients, in its URL.
    """

    def __init__(self, directory: Path, options: str = "") -> None:
        self._directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0{options}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it, empty; returns its URL, which stays the same when it is started again."""
        program = shutil.which("redis-server")
        assert program is not None, "redis-server is missing: apt-get install redis-server, or make test"
        self._directory.mkdir(parents=True, exist_ok=True)
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        with (self._directory / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                (program, *options), cwd=self._directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until_it_answers()
        return self.url

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + PATIENCE
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    assert self._process is not None
                    assert self._process.poll() is None, (self._directory / "redis.log").read_text()
                    assert time.monotonic() < deadline, "Redis did not answer"
                    time.sleep(0.02)
                else:
                    return

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """Let it answer nothing while its connections stay open."""
        freeze(self.pid)

    def thaw(self) -> None:
        """Let it go on."""
        thaw(self.pid)

    def be_replica(self) -> None:
        """Let it refuse writes, as the replica of a server that is away."""
        with redis.Redis(port=self.port) as client:
            client.replicaof("127.0.0.1", "1")

    def kill(self) -> None:
        """End it at once, with all that it holds."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
