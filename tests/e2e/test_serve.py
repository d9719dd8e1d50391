"""``dealcache serve``: a bad value ends it with one line; else it becomes gunicorn, wherever it was called."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.programs import SERVE, TOKEN, Gunicorn, StartService, environment, signal_and_wait

GOOD = {"HUBSPOT_ACCESS_TOKEN": TOKEN, "MONGODB_URI": "mongodb://127.0.0.1:1/", "BIND": "127.0.0.1:0"}
SECRET = "hunter2"

#: Each parser's bad values are tested as a unit. These are read by gunicorn too, depend on the machine, or are secret.
BAD = [
    ("BIND", "203.0.113.1:8000"),  # an address of documentation (RFC 5737), which no machine has
    ("GUNICORN_CMD_ARGS", "--nonsense"),
    ("MONGODB_URI", f"mongodb://ada:{SECRET}@db:port/"),
]

#: More of them, each of which starts a process, for `make test-long`.
MORE_BAD = [
    ("WEB_CONCURRENCY", "two"),
    ("FORWARDED_ALLOW_IPS", "nonsense"),
    ("BIND", "nowhere"),
    ("PROMETHEUS_MULTIPROC_DIR", "/proc/none/below"),
    ("REDIS_URL", f"redis://:{SECRET}@r/?no_such_option=1"),
]


@pytest.mark.parametrize(("name", "value"), [*BAD, *(pytest.param(*one, marks=pytest.mark.long) for one in MORE_BAD)])
def test_a_bad_value_is_one_line_and_exit_code_2(tmp_path: Path, name: str, value: str) -> None:
    environ = environment(**GOOD | {name: value})
    run = subprocess.run(SERVE, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert run.stderr.startswith(f"dealcache: {name} ")
    assert SECRET not in run.stderr
    assert SECRET in value or repr(value)[1:-1] in run.stderr


def test_it_becomes_gunicorn_in_any_directory_and_stops_as_gunicorn_does(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traps = tmp_path / "traps"
    traps.mkdir()
    for name in ("wsgi", "dealcache", "queue", "redis", "gunicorn.conf"):
        (traps / f"{name}.py").write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.setattr("tests.e2e.programs.GUNICORN", SERVE)
    monkeypatch.setattr(Gunicorn, "cwd", traps)
    service = start_service(WEB_CONCURRENCY=" ", FORWARDED_ALLOW_IPS="")
    command = Path(f"/proc/{service.process.pid}/cmdline").read_text().split("\0")
    assert command[1:5] == ["-P", "-m", "dealcache.server", "-c"]
    assert len(service.workers()) == 1
    assert service.get("/api/hubspot/deal-info", dealName="Acme renewal").status_code == 200
    assert "dealcache_requests_total" in service.get("/metrics").text
    assert signal_and_wait(service)[0] == 0
    assert not list((tmp_path / "service0").glob("dealcache-metrics-*"))
