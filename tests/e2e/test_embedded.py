"""``python -m dealcache.sandbox.embedded`` with nothing installed and nothing configured."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.e2e.programs import ACME, READ, ROOT, Program, environment, lives, signal_and_wait
from tests.ports import free_port
from tests.waiting import until

STORED = READ.replace("/hubspot/", "/hubspot/v2/")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[], tuple[Program, str]]]:
    """Starts it in a directory of the test's own; returns the program and what it announced."""
    started: list[Program] = []

    def start() -> tuple[Program, str]:
        environ = environment(BIND=f"127.0.0.1:{free_port()}", PYTHONPATH=str(ROOT))
        command = (sys.executable, "-m", "dealcache.sandbox.embedded")
        program = Program(command, tmp_path / f"run{len(started)}", environ, cwd=tmp_path)
        started.append(program)
        until(lambda: "Ctrl-C" in program.out or program.process.poll() is not None)
        assert program.process.poll() is None, program.err
        return program, program.out

    yield start
    for program in started:
        program.stop()


def descendants(pid: int) -> set[int]:
    """The process ids of all that a process has started, and that those have started."""
    found: set[int] = set()
    with suppress(FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found |= {int(child)} | descendants(int(child))
    return found


@pytest.mark.long
def test_one_command_serves_demo_data_and_keeps_it(run: Callable[[], tuple[Program, str]]) -> None:
    program, text = run()
    assert "HubSpot: the simulator at http://127.0.0.1:" in text
    assert "MongoDB: mongodb://127.0.0.1:" in text
    urls = re.findall(r"'(http://[^']+)'", text)
    assert len(urls) == 3
    answers = [requests.get(url, timeout=60) for url in urls]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert sum(stage["count"] for stage in answers[1].json()) > 150  # synced before it said that it serves
    first = next(line for line in text.splitlines() if not line.startswith("{"))
    page = requests.get(re.fullmatch(r"Open (\S+/console/) in a browser\.", first)[1], timeout=60)  # type: ignore[index]
    assert page.status_code == 200
    assert page.url.endswith("/console/deals")
    base = urls[0].partition("/api/")[0]
    read = {"params": {"dealName": ACME}, "timeout": 60}
    until(lambda: requests.get(f"{base}{READ}", **read).headers.get("X-Cache-Tier") == "memory")
    count = requests.get(f"{base}/api/hubspot/deal-activities-count", **read).json()["count"]
    assert count == 60
    children = descendants(program.process.pid)
    assert len(children) >= 4  # mongod, the simulator, gunicorn and its worker
    code, seconds = signal_and_wait(program)
    assert code == 0
    assert seconds < 38  # what does not end by itself is killed after forty
    until(lambda: not [pid for pid in children if lives(pid)])

    program, text = run()
    base = re.findall(r"'(http://[^']+)'", text)[0].partition("/api/")[0]
    # From MongoDB alone, however busy that is.
    response = until(lambda: (answer := requests.get(f"{base}{STORED}", **read)).ok and answer)
    assert response.json()["activityCount"] == 60
    assert signal_and_wait(program)[0] == 0
