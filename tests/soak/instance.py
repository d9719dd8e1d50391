"""One instance of the service: gunicorn as in production, on a port that stays its own, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import requests

from dealcache.sandbox.embedded import processes
from tests.e2e.programs import GUNICORN, ROOT, environment

_START_SECONDS = 40.0
#: Longer than its graceful time-out, so that it is never this that ends it.
_STOP_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class InstanceError(Exception):
    """An instance did not do what it was told; the message ends with its log."""


class Instance:
    """Several workers behind one port. Started by the thread that ends last, for it ends with that thread.

    Args:
        name: names it in the report.
        directory: where it writes; a new directory in it for each start.
        settings: its environment.
        workers: how many it has.
    """

    def __init__(self, name: str, directory: Path, settings: Mapping[str, str], workers: int) -> None:
        self.name = name
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        self._settings = {**settings, "BIND": f"127.0.0.1:{self.port}", "WEB_CONCURRENCY": str(workers)}
        self._count = workers
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory

    def start(self) -> None:
        """Start it and wait until all its workers serve.

        Raises:
            InstanceError: it ended, or took too long.
        """
        self._starts += 1
        place = self._directory / f"start-{self._starts}"
        place.mkdir(parents=True)
        self._log = place / "log"
        with self._log.open("wb") as output:
            self._process = processes.start(
                GUNICORN,
                environ=environment(**self._settings, TMPDIR=str(place)),
                directory=ROOT,
                output=output,
            )
        self.wait()

    def wait(self) -> None:
        """Wait until it answers and all its workers are there.

        Raises:
            InstanceError: it ended, or took too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not (len(self.workers()) == self._count and self._answers()):
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise InstanceError(f"{self.name} does not serve:\n{processes.log_tail(self._log, 0, 12)}")
            time.sleep(_LOOK_SECONDS)

    def _answers(self) -> bool:
        with suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(f"{self.url}/healthz", timeout=5).status_code == 200
        return False

    def workers(self) -> list[int]:
        """The process ids of its workers, the oldest first."""
        if self._process is None:
            return []
        try:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("ascii")
        except OSError:
            return []
        return sorted(int(pid) for pid in children.split())

    def kill_worker(self, pid: int) -> None:
        """End one of its workers at once, as the kernel does when memory runs out."""
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> int:
        """End it as a deployment does; returns its exit code.

        Raises:
            InstanceError: it did not end by itself.
        """
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            processes.kill(self._process)
            raise InstanceError(f"{self.name} did not end:\n{processes.log_tail(self._log, 0, 12)}") from None

    def log_lines(self) -> list[str]:
        """Return what it has logged since its last start."""
        return self._log.read_text("utf-8", "replace").splitlines() if self._log.is_file() else []
