"""Starts servers under gunicorn and waits until they answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.client import ask, expect
from dealcache.embedded import processes
from dealcache.settings import VARIABLES

ROOT = Path(__file__).parents[1]
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0

SERVICE = ("-c", "gunicorn.conf.py", "wsgi:app")
#: What the service is compared with: the same worker class and threads, and an application that does nothing. It is
#: started in another directory, where gunicorn does not find the configuration of the service.
BARE = ("-k", "gthread", "--threads", "16", "--keep-alive", "75", "--no-control-socket", "bare:app")
BARE_DIRECTORY = Path(__file__).parent


class StartError(Exception):
    """Something that is to be measured did not start."""


class Server:
    """A server under gunicorn on the loopback interface, with its log in a file.

    Args:
        arguments: gunicorn's, but for the address.
        environ: added to the environment, from which the operator's settings for dealcache are taken out.
        log: takes what it writes.
        directory: where it is started.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], log: Path, directory: Path = ROOT) -> None:
        bind = f"127.0.0.1:{processes.free_port()}"
        self.base_url = f"http://{bind}"
        self._log = log
        command = [sys.executable, "-m", "gunicorn", "--bind", bind, *arguments]
        with log.open("wb") as output:
            self._process: subprocess.Popen[bytes] = processes.start(
                command, environ={**clean_environ(), **environ, "BIND": bind}, directory=directory, output=output
            )

    @property
    def pid(self) -> int:
        """The process id of gunicorn's master."""
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

    def stop(self) -> None:
        """End it, with all its workers."""
        processes.stop(self._process, _STOP_SECONDS)


def clean_environ() -> dict[str, str]:
    """This process's environment without the operator's settings for dealcache and gunicorn."""
    ours = {variable.name for variable in VARIABLES} | {"PROMETHEUS_MULTIPROC_DIR", "GUNICORN_CMD_ARGS"}
    return {name: value for name, value in os.environ.items() if name not in ours}
