"""A whole run, with a stub in place of gunicorn and one in place of the simulator."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until

#: Nearly each test starts a mongod: for `make test-long`.
pytestmark = pytest.mark.long

# Answers /healthz; writes its environment and the order of ends to files in the directory that it is given.
SERVICE = """
import http.server, json, os, pathlib, signal, sys
notes = pathlib.Path(sys.argv[1])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
def end(*_):
    with (notes / "ends").open("a") as ends: ends.write("service\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
host, port = os.environ["BIND"].split(":")
server = http.server.HTTPServer((host, int(port)), Handler)
(notes / "service.json").write_text(json.dumps({"pid": os.getpid(), "environ": dict(os.environ)}))
server.serve_forever()
"""

SIMULATOR = """
import json, os, pathlib, signal, sys
notes = pathlib.Path(sys.argv[1])
def end(*_):
    with (notes / "ends").open("a") as ends: ends.write("simulator\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
(notes / "simulator.json").write_text(json.dumps({"pid": os.getpid()}))
print("simulator listening on http://127.0.0.1:4711")
signal.pause(); signal.pause()
"""

# Notes the environment of the sync, and that nothing served yet.
SYNC = """
import json, os, pathlib, sys
notes = pathlib.Path(sys.argv[1])
served = (notes / "service.json").exists()
(notes / "sync.json").write_text(json.dumps({"served": served, "environ": dict(os.environ)}))
"""

MAIN = """
import sys
from dealcache.sandbox.embedded.run import main
notes, *programs = sys.argv[1:]
sys.exit(main(*([sys.executable, "-c", program, notes] for program in programs)))
"""


class Running:
    """A run in a directory of its own, and what it leaves there."""

    def __init__(self, directory: Path, service: str, simulator: str, sync: str, **environ: str) -> None:
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.bind = f"127.0.0.1:{probe.getsockname()[1]}"
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("MONGODB", "HUBSPOT"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, str(directory), service, simulator, sync],
            env=plain | {"BIND": self.bind, "PYTHONPATH": str(Path(__file__).parents[4])} | environ,
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def announced(self) -> str:
        """Return what it prints when everything is up."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        return "".join(lines)

    def ended(self, signum: signal.Signals | None = None) -> tuple[int, str, str]:
        """Exit code, standard output and error, after the signal."""
        if signum is not None:
            self.process.send_signal(signum)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def note(self, name: str) -> Any:
        """Return what a stub has written."""
        return json.loads((self.directory / name).read_text())

    @property
    def mongod_pid(self) -> int:
        return int((self.directory / ".dealcache/mongodb/mongod.lock").read_text())


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    started: list[Running] = []

    def start(service: str = SERVICE, simulator: str = SIMULATOR, sync: str = SYNC, **environ: str) -> Running:
        started.append(Running(tmp_path, service, simulator, sync, **environ))
        return started[-1]

    start.directory = tmp_path  # type: ignore[attr-defined]
    yield start
    for running in started:
        running.process.terminate()
        running.process.communicate(timeout=60)


def gone(*pids: int) -> bool:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return False
    return True


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_starts_what_is_missing_and_stops_it_in_order(run: Any, signum: signal.Signals) -> None:
    running = run()
    text = running.announced()
    service = running.note("service.json")
    pids = [service["pid"], running.note("simulator.json")["pid"], running.mongod_pid]
    environ = service["environ"]
    assert environ["HUBSPOT_BASE_URL"] == "http://127.0.0.1:4711"
    assert environ["HUBSPOT_ACCESS_TOKEN"] == "simulator-token"
    assert environ["MONGODB_URI"].startswith("mongodb://127.0.0.1:")
    assert environ["MONGODB_DATABASE"] == "dealcache_demo"
    assert "simulator at http://127.0.0.1:4711" in text
    assert environ["MONGODB_URI"] in text
    assert f"Open http://{running.bind}/console/ in a browser." in text
    synced = running.note("sync.json")
    assert not synced["served"]
    assert synced["environ"]["MONGODB_URI"] == environ["MONGODB_URI"]
    assert synced["environ"]["HUBSPOT_BASE_URL"] == "http://127.0.0.1:4711"
    assert "not all stored" not in text
    assert "simulator-token" not in text
    assert running.ended(signum) == (0, "", "")
    assert gone(*pids)
    assert (running.directory / "ends").read_text() == "service\nsimulator\n"


def test_what_is_configured_is_used_and_not_started(run: Any) -> None:
    running = run(MONGODB_URI="mongodb://ada:hunter2@db.example.com/", HUBSPOT_ACCESS_TOKEN="pat-secret")
    text = running.announced()
    environ = running.note("service.json")["environ"]
    assert environ["MONGODB_URI"] == "mongodb://ada:hunter2@db.example.com/"
    assert "HUBSPOT_BASE_URL" not in environ
    assert "MONGODB_DATABASE" not in environ
    assert "mongodb://***@db.example.com/" in text
    assert "https://api.hubapi.com" in text
    assert "hunter2" not in text
    assert "pat-secret" not in text
    assert not (running.directory / ".dealcache").exists()
    assert not (running.directory / "sync.json").exists()


def test_a_sync_that_fails_is_named_and_the_service_starts(run: Any) -> None:
    running = run(sync="raise SystemExit('MongoDB: no')")
    text = running.announced()
    assert f"The demo deals were not all stored; {running.directory}/.dealcache/sync.log says why" in text
    assert (running.directory / ".dealcache/sync.log").read_text() == "MongoDB: no\n"
    assert running.ended(signal.SIGTERM)[0] == 0


def test_a_signal_ends_the_sync_and_all_else(run: Any) -> None:
    running = run(sync="import pathlib, sys, time; (pathlib.Path(sys.argv[1]) / 'begun').touch(); time.sleep(60)")
    until((running.directory / "begun").exists)
    assert running.ended(signal.SIGINT) == (0, "", "")
    assert not (running.directory / "service.json").exists()
    assert (running.directory / "ends").read_text() == "simulator\n"


def test_what_it_keeps_is_for_its_user_alone(run: Any) -> None:
    old = run.directory / ".dealcache/mongodb"
    old.mkdir(parents=True)
    (run.directory / ".dealcache").chmod(0o755)
    (old / "left.log").write_text("from an earlier version")
    (old / "left.log").chmod(0o644)
    running = run()
    running.announced()
    state = running.directory / ".dealcache"
    found = {path: path.stat().st_mode & 0o777 for path in (state, *state.rglob("*"))}
    assert len(found) > 10
    assert {path: mode for path, mode in found.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_a_second_run_in_the_same_directory_gets_one_line(run: Any) -> None:
    first = run()
    first.announced()
    code, out, err = run().ended()
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "already running in this directory" in err
    assert first.process.poll() is None


def test_a_service_that_ends_by_itself_ends_the_run_with_its_code(run: Any) -> None:
    running = run(service="import sys; sys.exit('CACHE_TTL_SECONDS holds 0; it may hold seconds')")
    code, _, err = running.ended()
    assert (code, err) == (1, "CACHE_TTL_SECONDS holds 0; it may hold seconds\n")
    assert gone(running.note("simulator.json")["pid"])
    assert (running.directory / ".dealcache/mongodb/mongod.lock").read_text() == ""  # mongod empties it at its end
    assert run(service="raise SystemExit(4)").ended()[0] == 4


def test_a_service_that_ends_later_ends_the_run_with_its_code(run: Any) -> None:
    running = run()
    running.announced()
    os.kill(running.note("service.json")["pid"], signal.SIGKILL)
    assert running.ended() == (137, "", "")
    assert gone(running.note("simulator.json")["pid"])


def test_a_simulator_that_does_not_start_is_shown_with_its_last_words(run: Any) -> None:
    code, _, err = run(simulator="raise SystemExit('no such deal')").ended()
    assert code == 1
    assert "the simulator did not start" in err
    assert "no such deal" in err
    assert "Traceback" not in err


def test_the_service_goes_on_when_mongod_or_the_simulator_ends(run: Any) -> None:
    running = run()
    running.announced()
    assert running.process.stderr is not None
    os.kill(running.mongod_pid, signal.SIGKILL)
    assert running.process.stderr.readline().startswith("mongod (see .dealcache/mongod.log) ended unexpectedly")
    os.kill(running.note("simulator.json")["pid"], signal.SIGKILL)
    assert running.process.stderr.readline().startswith("the simulator (see .dealcache/simulator.log) ended")
    time.sleep(0.3)
    assert running.ended(signal.SIGTERM) == (0, "", "")
    assert (running.directory / "ends").read_text() == "service\n"


def test_everything_ends_when_the_run_itself_is_killed(run: Any) -> None:
    running = run()
    running.announced()
    pids = [running.note("service.json")["pid"], running.note("simulator.json")["pid"], running.mongod_pid]
    running.ended(signal.SIGKILL)
    until(lambda: gone(*pids))
