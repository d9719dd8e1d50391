"""``make load-test`` and ``make perf`` against the service, with tokens, as an operator runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.e2e.programs import ACME, ROOT, Gunicorn, StartService, environment

TOKENS = {"API_TOKEN": "of-readers", "ADMIN_TOKEN": "of-admins"}


def run(module: str, service: Gunicorn, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module]
    environ = environment(HOST=service.url, **environ)
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.long
def test_perf_sees_each_tier_and_asks_for_the_tokens(start_service: StartService) -> None:
    service = start_service(**TOKENS, CACHE_TTL_SECONDS="3")

    done = run("benchmarks.perf", service, DEAL=ACME, TOKEN="of-readers", ADMIN_TOKEN="of-admins")
    assert (done.returncode in (0, 1), done.stderr) == (True, "")  # how fast a busy machine is, is not judged here
    tiers = {line[8:43].strip(): line for line in done.stdout.splitlines()}
    first, after_it = (line for line in done.stdout.splitlines() if "first call after it" in line)
    assert "answered by hubspot" in first  # nobody had read the deal before
    assert "answered by mongodb" in after_it
    assert "answered by memory" in tiers["second call"]
    assert "answered by memory" in tiers["three views at once, median of 7"]
    for view in ("count", "timeline", "info"):
        assert "answered by mongodb" in tiers[f"{view}, no-cache, median of 11"]
        assert "answered by mongodb" in tiers[f"{view} after 3 s, median of 3"]
    assert "entries cleared: " in tiers["clear"]

    for given, told in [
        ({}, "give the right one as ADMIN_TOKEN="),
        ({"TOKEN": "wrong", "ADMIN_TOKEN": "of-admins"}, "give the right one as TOKEN="),
        ({"TOKEN": "of-readers"}, "give ADMIN_TOKEN="),
        ({"TOKEN": "of-admins", "DEAL": "Nobody's"}, "the service knows no deal"),
    ]:
        refused = run("benchmarks.perf", service, **{"DEAL": ACME} | given)
        assert refused.returncode == 2
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.long
def test_a_load_of_some_seconds_has_no_errors_and_leaves_a_report(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(**TOKENS)
    for deal in (ACME, "Globex expansion"):
        requests.get(
            f"{service.url}/api/hubspot/deal-info",
            {"dealName": deal},
            headers={"Authorization": "Bearer of-admins"},
            timeout=30,
        )
    report = tmp_path / "report.html"
    load = {"RATE": "15", "DURATION": "4", "REPORT": str(report)}

    done = run("benchmarks.load", service, TOKEN="of-readers", ADMIN_TOKEN="of-admins", **load)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "Left out" not in done.stdout
    assert "Acme" not in report.read_text("utf-8").rpartition("<h1>")[2]  # names of deals are nobody's business

    readers = run("benchmarks.load", service, TOKEN="of-readers", **load)
    assert (readers.returncode, readers.stderr) == (0, ""), readers.stdout
    assert "Left out, because the service asks for an ADMIN_TOKEN" in readers.stdout
