"""``make perf`` against a server that keeps its promises, and against ones that break one."""

from __future__ import annotations

import re
import socket
import time

import pytest

from benchmarks.perf import expiry, promises
from benchmarks.perf.__main__ import main
from tests.integration.benchmarks.impostor import Answer, Change, impostor

Output = pytest.CaptureFixture[str]

EXPIRY = "reads after the time to live"

#: Milliseconds beyond the way that count as quick here, and seconds that count as slow: a busy machine is neither.
_ALLOWED, _SLOW = 60.0, 0.12


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HIT_BEYOND", "PARALLEL_BEYOND", "STATISTICS_BEYOND"):
        monkeypatch.setattr(promises, name, _ALLOWED)
    monkeypatch.setattr(expiry, "_SLACK", 0.05)
    monkeypatch.setattr(expiry, "_MOST_ROUNDS", 2)


def unchanged(_path: str, _method: str, answer: Answer) -> Answer:
    return answer


def perf(change: Change | None = None, ttl: float = 600.0, **environ: str) -> int:
    with impostor(change or unchanged, ttl) as url:
        return main({"HOST": url, "DEAL": "Acme renewal"} | environ)


def broken_in(shown: str) -> set[str]:
    """Return what was asked for in the lines of broken promises."""
    return {line[8:43].strip() for line in shown.splitlines() if line.startswith("BROKEN")}


def test_kept_promises_end_with_0(capsys: Output) -> None:
    assert perf() == 0
    shown = capsys.readouterr().out
    assert "All promises kept" in shown
    assert [line[8:43].strip() for line in shown.splitlines() if line.startswith("skipped")] == [EXPIRY]
    assert [line[8:43].strip() for line in shown.splitlines() if line.startswith("ok")] == [
        "clear",
        "first call after it",
        "second call",
        "third call",
        "calls in a row, median of 21",
        "count, no-cache, median of 11",
        "timeline, no-cache, median of 11",
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


def from_memory_at_the_age_of(seconds: str) -> Change:
    def change(_path: str, _method: str, answer: Answer) -> Answer:
        status, headers, body = answer
        return (status, headers | {"X-Cache-Tier": "memory", "Age": seconds}, body) if "Age" in headers else answer

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


FROM_MONGODB = {f"{view}, no-cache, median of 11" for view in ("count", "timeline", "info")}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (always_from("memory"), {"first call after it", *FROM_MONGODB}),
        (always_from("mongodb"), {"second call", "third call"}),
        (with_header("Server-Timing", "memory;dur=1.5, mongodb;dur=15"), {"second call", "third call", *FROM_MONGODB}),
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


#: The lines about reads after a fifth of a second, for which two rounds fit.
EXPIRED = {f"{view} after 0.2 s, median of 2" for view in ("count", "timeline", "info")}


@pytest.mark.parametrize(
    ("change", "mark", "lines"),
    [
        (None, "ok", EXPIRED),
        (with_header("Age", "0"), "ok", EXPIRED),
        (from_memory_at_the_age_of("0"), "skipped", {one.partition(",")[0] for one in EXPIRED}),
        (from_memory_at_the_age_of("5"), "BROKEN", EXPIRED),
    ],
    ids=["from below", "from below, just read", "read by another reader", "expired and served"],
)
def test_values_are_read_again_after_their_time_to_live(
    change: Change | None, mark: str, lines: set[str], capsys: Output
) -> None:
    perf(change, ttl=0.2)
    shown = [line for line in capsys.readouterr().out.splitlines() if " after 0.2 s" in line]
    assert {line[8:43].strip() for line in shown} == lines
    assert {line[:8].strip() for line in shown} == {mark}


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
