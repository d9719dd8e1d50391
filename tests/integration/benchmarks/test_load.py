"""``make load-test`` against a small server: what is sent, and how it ends."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.load.__main__ import main
from benchmarks.load.mix import ADMINS, Kind
from tests.integration.benchmarks.impostor import Answer, Change, impostor

Output = pytest.CaptureFixture[str]
PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "build" / "report.html"


def load(report: Path, change: Change | None = None, **environ: str) -> int:
    with impostor(*([change] if change else [])) as url:
        return main({"HOST": url, "RATE": "60", "DURATION": "2", "REPORT": str(report)} | environ)


def instead_of(end: str, answer: Answer) -> Change:
    return lambda path, _method, usual: answer if path.endswith(end) else usual


def test_a_run_without_errors_ends_with_0_and_leaves_a_report(report: Path, capsys: Output) -> None:
    asked: Counter[str] = Counter()

    def watch(path: str, _method: str, answer: Answer) -> Answer:
        asked[path.rpartition("/")[2]] += 1
        return answer

    assert load(report, watch) == 0
    shown = capsys.readouterr().out
    assert "Passed: 0 of" in shown
    assert f"report: {report}" in shown
    assert "Throughput" in report.read_text("utf-8")
    assert asked["deal-info"] == asked["deal-activities-count"] > 80
    assert asked["deal-timeline"] >= asked["deal-info"]


@pytest.mark.parametrize("answer", [(500, PROBLEM, {}), (503, PROBLEM | {"Retry-After": "1"}, {}), (404, PROBLEM, {})])
def test_errors_end_with_1_and_are_counted(answer: Answer, report: Path, capsys: Output) -> None:
    assert load(report, instead_of("deal-info", answer)) == 1
    shown = capsys.readouterr().out
    assert "Failed: " in shown
    assert f"{answer[0]}: " in shown
    assert report.exists()


def test_as_many_errors_as_are_allowed_end_with_0(report: Path) -> None:
    assert load(report, instead_of("deal-info", (500, PROBLEM, {})), ALLOWED_ERRORS="50") == 0


def test_broken_connections_are_errors(report: Path, capsys: Output) -> None:
    # The server promises more than it sends, and hangs up.
    cut_short = (200, {"Content-Length": "1000", "Connection": "close"}, {})
    assert load(report, instead_of("deal-info", cut_short)) == 1
    assert "broken connection" in " ".join(capsys.readouterr().out.split())


def test_what_needs_a_token_that_we_lack_is_left_out(
    report: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    often: Mapping[Kind, float] = {kind: 1 / len(Kind) for kind in Kind}
    monkeypatch.setattr("benchmarks.load.mix.SHARES", often)
    assert load(report, instead_of("clear-endpoint-cache", (403, PROBLEM, {}))) == 0
    shown = capsys.readouterr().out
    assert "Left out, because the service asks for an ADMIN_TOKEN" in shown
    kinds = {line.partition("  ")[0].strip() for line in shown.splitlines()}
    assert {Kind.BATCH, Kind.NO_CACHE} <= kinds
    assert not kinds & ADMINS


@pytest.mark.parametrize(
    ("change", "environ", "told"),
    [
        (None, {"RATE": "fast"}, "load-test: RATE must be a number"),
        (None, {"HOST": "nonsense"}, "load-test: HOST must be a URL"),
        (instead_of("all-deals", (200, {}, [])), {}, "knows no deals yet: sync first"),
        (instead_of("all-deals", (401, PROBLEM, {})), {}, "give the right one as TOKEN="),
        (instead_of("all-deals", (200, {}, b"<html>")), {}, "no dealcache is there"),
    ],
)
def test_what_cannot_be_loaded_ends_with_2_and_one_line(
    change: Change | None, environ: dict[str, str], told: str, report: Path, capsys: Output
) -> None:
    assert load(report, change, **environ) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not report.exists()


def test_nobody_there_is_told_in_one_line(report: Path, capsys: Output) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert main({"HOST": f"http://127.0.0.1:{unused.getsockname()[1]}", "REPORT": str(report)}) == 2
    assert "nothing listens there" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, capsys: Output) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert load(in_the_way / "report.html") == 2
    said = capsys.readouterr().err
    assert "the report cannot be written to" in said
    assert said.count("\n") == 1
