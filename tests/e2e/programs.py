"""The programs of a deployment, started as in production and stopped by their process ids."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.ports import free_port
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
TOKEN = "simulator-token"
ACME = "Acme renewal"
READ = "/api/hubspot/deal-info"
FLASK = (str(Path(sys.executable).with_name("flask")), "--app", "wsgi")
#: The command ``dealcache``; ``-P`` as in an installed script, which imports nothing from the working directory.
DEALCACHE = (sys.executable, "-P", "-m", "dealcache")
SERVE = (*DEALCACHE, "serve")
GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that configures the service, and with ``more``."""
    ours = ("MONGODB", "HUBSPOT", "CACHE_", "API_TOKEN", "ADMIN_TOKEN", "CORS_", "BIND", "THREADS", "LOG_")
    ours += ("WEB_CONCURRENCY", "PROMETHEUS", "TIMELINE_", "NEGATIVE_", "STALE_", "GUNICORN", "SYNC_", "PUBLIC_URL")
    ours += ("FORWARDED_", "REDIS_", "HIT_LANE", "CPU_AFFINITY", "CONSOLE", "MAX_DATA_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


class Program:
    """A process whose output goes to files; standard error to a descriptor if one is given."""

    def __init__(
        self,
        command: tuple[str, ...],
        directory: Path,
        environ: Mapping[str, str],
        cwd: Path = ROOT,
        stderr: int | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._out, self._err = directory / "stdout", directory / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err if stderr is None else stderr,
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def ended(self, seconds: float = PATIENCE) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End it, if need be at once."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise


class HubSpot(Program):
    """A simulated HubSpot in a process of its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        command = (sys.executable, "-m", "dealcache.sandbox.simulator", "--port", "0", "--limits", "off", *options)
        super().__init__(command, directory, environment())
        line = until(lambda: self.process.poll() is not None or (self.out.endswith("\n") and self.out))
        assert line is not True, self.err
        self.url = line.strip().rpartition(" ")[2]

    def steer(self, method: str, what: str, **body: Any) -> Any:
        """A call of the simulator's own controls."""
        return self._control(method, what, body or None)

    def change(self, *changes: Mapping[str, Any]) -> list[str | None]:
        """Change the account, at one moment; the ids of the records that came out of it."""
        return self._control("POST", "changes", changes)["ids"]

    def _control(self, method: str, what: str, body: Any) -> Any:
        response = requests.request(method, f"{self.url}/_simulator/{what}", json=body, timeout=60)
        assert response.ok, response.text
        return response.json() if response.content else None

    def reset(self) -> None:
        """No faults, no latency, no calls."""
        self.steer("DELETE", "faults")
        self.steer("DELETE", "calls")
        self.steer("PATCH", "settings", latency=0)

    def calls(self) -> Counter[str]:
        """Return how many calls of each kind there were."""
        return Counter(self.steer("GET", "calls")["counts"])

    def inputs(self, kind: str) -> int:
        """Return how many records all calls of a kind have asked for."""
        return sum(call["inputs"] for call in self.steer("GET", "calls?limit=10000")["calls"] if call["kind"] == kind)


class Gunicorn(Program):
    """The service behind gunicorn."""

    #: Its working directory.
    cwd = ROOT

    def __init__(
        self,
        directory: Path,
        hubspot: str,
        mongodb: str,
        *,
        host: str = "127.0.0.1",
        stderr: int | None = None,
        **environ: str,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "BIND": f"{host}:{self.port}",
            "HUBSPOT_BASE_URL": hubspot,
            "HUBSPOT_ACCESS_TOKEN": TOKEN,
            "MONGODB_URI": mongodb,
            "TMPDIR": str(directory),
        }
        settings |= environ
        self.database = settings.get("MONGODB_DATABASE", "dealcache")
        self._worker_count = int(settings.get("WEB_CONCURRENCY", "").strip() or 1)
        super().__init__(GUNICORN, directory, environment(**settings), cwd=self.cwd, stderr=stderr)
        try:
            until(self._answers)
            until(lambda: len(self.workers()) == self._worker_count)  # one may answer before the next is forked
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.err
        try:
            return requests.get(f"{self.url}/healthz", timeout=60).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> requests.Response:
        return requests.get(self.url + path, params=query, headers=headers, timeout=60)

    def post(self, path: str, **query: Any) -> requests.Response:
        return requests.post(self.url + path, params=query, timeout=60)

    def get_from_each(self, path: str, **query: Any) -> dict[int, list[requests.Response]]:
        """Return the answers of each worker by its process id, at least one of each, in the order in which they came.

        The kernel decides which worker accepts a connection, and may choose one of them a hundred times in a row.
        """
        answers = defaultdict[int, list[requests.Response]](list)
        with ExitStack() as connections:

            def all_have_answered() -> bool:
                session = connections.enter_context(requests.Session())
                response = session.get(self.url + path, params=query, timeout=60, stream=True)
                port = response.raw.connection.sock.getsockname()[1]
                if (worker := self._worker_connected_to(port)) is not None:
                    answers[worker].append(response)
                assert response.content is not None  # read as long as the connection is open
                workers = self.workers()
                return len(workers) == self._worker_count and workers <= answers.keys()

            until(all_have_answered)
        return {worker: answers[worker] for worker in self.workers()}

    def _worker_connected_to(self, port: int) -> int | None:
        for worker in self.workers():
            with suppress(psutil.NoSuchProcess):
                peers = [found.raddr for found in psutil.Process(worker).net_connections("tcp") if found.raddr]
                if any(peer.port == port for peer in peers):
                    return worker
        return None

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log, each of which is a JSON object; the last one may still be being written."""
        *lines, _ = self.err.split("\n")
        return [json.loads(line) for line in lines]

    def workers(self) -> set[int]:
        """The process ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        pids = [self.process.pid, *self.workers()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not any(lives(pid) for pid in pids))

    def ask(self, octets: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes as they are, and read one answer: status, headers by lower-case name, and body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(status.split()[1]), headers, body


def lives(pid: int) -> bool:
    """Return True if a process does anything still; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class FlaskCommand(Program):
    """A ``flask`` command, such as ``flask sync``."""

    def __init__(self, directory: Path, environ: Mapping[str, str], *arguments: str) -> None:
        self.environ = environ
        super().__init__((*FLASK, *arguments), directory, environ)

    @property
    def said(self) -> str:
        """All that it has written."""
        return self.out + self.err


#: Starts services; what is given goes into their environment.
StartService = Callable[..., Gunicorn]

#: Starts ``flask`` commands: their arguments, and what goes into their environment.
RunFlask = Callable[..., FlaskCommand]


def assert_problem(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """That an answer is a problem as the contract wants it; returns its members."""
    lower = {name.lower(): value for name, value in headers.items()}
    assert lower["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert {"type", "title", "status", "detail", "request_id", "error"} <= problem.keys()
    assert problem["status"] == status
    assert problem["request_id"] == lower["x-request-id"]
    return problem


def signal_and_wait(program: Program, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
    """Send a signal to a program; its exit code and the seconds that it took to end."""
    started = time.monotonic()
    program.process.send_signal(number)
    return program.ended(), time.monotonic() - started
