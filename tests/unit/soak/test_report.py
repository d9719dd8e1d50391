"""The report at the end of a soak, and the order of its disturbances."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import pytest

from tests.soak.disturbances import turns
from tests.soak.findings import Finding, Statistics, Wrong
from tests.soak.memory import Growth
from tests.soak.report import Result, as_json, lines, share


def result(*findings: Finding) -> Result:
    statistics = Statistics()
    statistics.outcome("read", "200", 0.004)
    statistics.outcome("read", "503", 0.002)
    statistics.excuse("read", "503")
    statistics.tier("memory")
    return Result(
        machine=["a machine"],
        seed=7,
        seconds=300.0,
        findings=findings,
        statistics=statistics,
        promises_checked=Counter({"clear": 3}),
        disturbances=Counter({"Redis killed": 2}),
        messages_came=5,
        messages_excused=1,
        message_delays=[0.0, 0.2],
        growths={"instance 1, worker 9": Growth(100 * 1024**2, 110 * 1024**2, 250.0)},
        lag=[0.001, 0.002],
    )


def test_a_soak_without_findings_has_passed() -> None:
    said = "\n".join(lines(result()))
    assert said.endswith("the soak passed")
    assert "stale reads beyond the promise: 0" in said
    assert "200: 1, 503: 1" in said
    assert "+10.0 MB" in said
    assert as_json(result())["passed"] is True


def test_one_finding_fails_it_and_is_shown() -> None:
    failed = result(Finding(Wrong.LOST_UPDATE, 12.3, "version 4 of a deal"))
    said = "\n".join(lines(failed))
    assert said.endswith("the soak FAILED")
    assert "lost updates: 1" in said
    assert "version 4 of a deal" in said
    assert as_json(failed)["wrong"]["lost updates"] == 1


def test_many_findings_are_counted_and_a_few_shown() -> None:
    said = "\n".join(lines(result(*(Finding(Wrong.STALE, one, f"text {one}") for one in range(100)))))
    assert "stale reads beyond the promise: 100" in said
    assert "and 92 more" in said


@pytest.mark.parametrize(("part", "value"), [(0.0, 1.0), (0.5, 2.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_share_of_values(part: float, value: float) -> None:
    assert share([4.0, 1.0, 3.0, 2.0], part) == value


def test_a_share_of_nothing_is_nothing() -> None:
    assert share([], 0.5) == 0.0


def test_everything_has_its_turn_before_anything_has_another() -> None:
    names = ["a", "b", "c", "d"]
    order = list(islice(turns(Random(3), names), 12))
    assert all(sorted(order[start : start + 4]) == names for start in (0, 4, 8))
    assert order == list(islice(turns(Random(3), names), 12))
