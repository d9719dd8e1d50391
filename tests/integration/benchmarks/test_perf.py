"""``make perf`` against a server that keeps its promises, and against ones that break one."""

from __future__ import annotations

import re
import socket
import time

import pytest

from benchmarks.perf import promises
from benchmarks.perf.__main__ import main
from tests.integration.benchmarks.impostor import Answer, Change, impostor

Output = pytest.CaptureFixture[str]

#: Milliseconds beyond the way that count as quick here, and seconds that count as slow: a busy machine is neither.
_ALLOWED, _SLOW = 60.0, 0.12


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HIT_BEYOND", "PARALLEL_BEYOND", "STATISTICS_BEYOND"):
        monkeypatch.setattr(promises, name, _ALLOWED)


def perf(change: Change | None = None, **environ: str) -> int:
    with impostor(*([change] if change else [])) as url:
        return main({"HOST": url, "DEAL": "Acme renewal"} | environ)


def broken_in(shown: str) -> set[str]:
    """Return what was asked for in the lines of broken promises."""
    return {line[8:40].strip() for line in shown.splitlines() if line.startswith("BROKEN")}


def test_kept_promises_end_with_0(capsys: Output) -> None:
    assert perf() == 0
    shown = capsys.readouterr().out
    assert "All promises kept" in shown
    assert [line[8:40].strip() for line in shown.splitlines() if line.startswith("ok")] == [
        "clear",
        "first call after it",
        "second call",
        "third call",
        "calls in a row, median of 21",
        "info, no-cache, median of 11",
        "three views at once, median of 7",
        "statistics, median of 11",
        "clear",
        "first call after it",
        "second call",
        "age of the data",
    ]


def always_from(tier: str) -> Change:
    def change(_path: str, _method: str, answer: Answer) -> Answer:
        status, headers, body = answer
        return (status, headers | {"X-Cache-Tier": tier}, body) if "X-Cache-Tier" in headers else answer

    return change


def slow(slow_path: str, seconds: float) -> Change:
    def change(path: str, _method: str, answer: Answer) -> Answer:
        if path.endswith(slow_path):
            time.sleep(seconds)
        return answer

    return change


def with_header(name: str, value: str) -> Change:
    def change(_path: str, _method: str, answer: Answer) -> Answer:
        status, headers, body = answer
        return (status, headers | {name: value}, body) if name in headers else answer

    return change


def instead_of(path_instead: str, answer_instead: Answer) -> Change:
    return lambda path, _method, answer: answer_instead if path.endswith(path_instead) else answer


READS = {"second call", "third call", "info, no-cache, median of 11"}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (always_from("memory"), {"first call after it", "info, no-cache, median of 11"}),
        (always_from("mongodb"), {"second call", "third call"}),
        (with_header("Server-Timing", "memory;dur=1.5, mongodb;dur=15"), READS),
        (slow("deal-timeline", _SLOW), {"calls in a row, median of 21", "three views at once, median of 7"}),
        (slow("deal-info", _SLOW), {"three views at once, median of 7"}),
        (slow("cache-stats", _SLOW), {"statistics, median of 11"}),
        (instead_of("clear-endpoint-cache", (200, {}, {"entries_cleared": 0})), {"clear"}),
        (with_header("X-Data-As-Of", "2026-01-10T00:00:00Z"), {"age of the data"}),
    ],
    ids=[
        "a clear without effect",
        "no memory",
        "slow tiers",
        "slow hits",
        "a slow view",
        "slow statistics",
        "a clear of nothing",
        "old data",
    ],
)
def test_a_broken_promise_ends_with_1_and_is_told(change: Change, broken: set[str], capsys: Output) -> None:
    assert perf(change, HUBSPOT_DEADLINE_SECONDS="1") == 1  # old data is waited out for as long
    shown = capsys.readouterr().out
    assert broken_in(shown) == broken
    assert f"Promises broken: {shown.count('BROKEN')}" in shown


def test_a_slow_way_is_no_broken_promise(capsys: Output) -> None:
    slow_way = 0.07
    assert slow_way * 1000 > _ALLOWED
    assert perf(slow("", slow_way)) == 0
    way = re.search(r"round trip to /healthz: ([0-9.]+) ms", capsys.readouterr().out)
    assert way
    assert float(way[1]) >= slow_way * 1000


PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.mark.parametrize(
    ("change", "environ", "told"),
    [
        (None, {"DEAL": "Nobody's"}, 'perf: the service knows no deal "Nobody\'s" (404)'),
        (None, {"DEAL": " "}, "perf: DEAL= must name a deal"),
        (None, {"HOST": "nonsense"}, "perf: HOST must be a URL"),
        (None, {"HUBSPOT_DEADLINE_SECONDS": "soon"}, "perf: HUBSPOT_DEADLINE_SECONDS must be a number"),
        (None, {"MAX_DATA_AGE_SECONDS": "-1"}, "perf: MAX_DATA_AGE_SECONDS must be a number"),
        (instead_of("deal-timeline", (401, PROBLEM, {})), {}, "give the right one as TOKEN="),
        (instead_of("deal-timeline", (403, PROBLEM, {})), {}, "give ADMIN_TOKEN="),
        (instead_of("clear-endpoint-cache", (401, PROBLEM, {})), {}, "give the right one as ADMIN_TOKEN="),
        (instead_of("deal-timeline", (503, PROBLEM, {"detail": "down"})), {}, "was answered with 503: down"),
        (instead_of("clear-endpoint-cache", (200, {}, b"<html>")), {}, "no dealcache is there"),
        (instead_of("deal-timeline", (200, {}, b"<html>")), {}, "without X-Cache-Tier: no dealcache is there"),
        (instead_of("cache-stats", (200, {}, b"<html>")), {}, "no dealcache is there"),
        (instead_of("healthz", (404, {}, b"")), {}, "/healthz was answered with 404"),
    ],
)
def test_what_cannot_be_measured_ends_with_2_and_one_line(
    change: Change | None, environ: dict[str, str], told: str, capsys: Output
) -> None:
    assert perf(change, **environ) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_nobody_there_is_told_in_one_line(capsys: Output) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert perf(HOST=f"http://127.0.0.1:{unused.getsockname()[1]}") == 2
    said = capsys.readouterr().err
    assert "nothing listens there" in said
    assert said.count("\n") == 1


def test_a_host_that_does_not_answer_is_given_up_soon(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.deployed._FIRST_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert perf(HOST=f"http://127.0.0.1:{silent.getsockname()[1]}") == 2
    assert "nothing came within 0.2 s" in capsys.readouterr().err
