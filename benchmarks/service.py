"""Starts servers and waits until they answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.client import ask, expect
from dealcache.sandbox.embedded import processes
from dealcache.settings import VARIABLES

ROOT = Path(__file__).parents[1]
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class StartError(Exception):
    """Something that is to be measured did not start."""


class Server:
    """A server on the loopback interface, with its log in a file.

    Args:
        command: program and arguments.
        bind: the host and port that it was told to listen on.
        log: takes what it writes.
        environ: added to the environment, from which the operator's settings for dealcache are taken out.
    """

    def __init__(self, command: Sequence[str], bind: str, log: Path, environ: Mapping[str, str] | None = None) -> None:
        self.base_url = f"http://{bind}"
        self._log = log
        with log.open("wb") as output:
            self._process: subprocess.Popen[bytes] = processes.start(
                command, environ={**clean_environ(), **(environ or {})}, directory=ROOT, output=output
            )

    @property
    def pid(self) -> int:
        """The process id of its first process, under gunicorn the master."""
        return self._process.pid

    def wait(self, path: str) -> None:
        """Wait until ``path`` is answered with 200.

        Raises:
            StartError: it ended or took too long; the message ends with its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                expect(ask(self.base_url, path))
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise StartError(f"a server did not start; the end of its log:\n{processes.log_tail(self._log, 0, 8)}")

    def forget_log(self) -> None:
        """Give the disk back what the log takes: a server that answers fast writes gigabytes within minutes."""
        os.truncate(self._log, 0)

    def stop(self) -> None:
        """End it, with all its workers."""
        processes.stop(self._process, _STOP_SECONDS)


def new_bind() -> str:
    """A host and port for a server that is about to start."""
    return f"127.0.0.1:{processes.free_port()}"


def gunicorn(bind: str, *arguments: str) -> list[str]:
    """The command that starts gunicorn."""
    return [sys.executable, "-m", "gunicorn", "--bind", bind, *arguments]


def clean_environ() -> dict[str, str]:
    """This process's environment without the operator's settings for dealcache and gunicorn."""
    ours = {variable.name for variable in VARIABLES} | {"PROMETHEUS_MULTIPROC_DIR", "GUNICORN_CMD_ARGS"}
    return {name: value for name, value in os.environ.items() if name not in ours}
