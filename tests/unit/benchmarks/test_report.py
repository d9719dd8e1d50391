"""Figures are summed up and laid out so that they can be compared by eye."""

from __future__ import annotations

import pytest

from benchmarks.report import Report, percentile, spread


def test_a_spread_is_the_median_and_the_ends():
    assert spread([5.0, 1.0, 3.0]) == (3.0, 1.0, 5.0)
    assert spread([5.0, 1.0, 3.0]).show(".1f", " ms") == "3.0 ms (1.0..5.0)"


@pytest.mark.parametrize(("share", "value"), [(0.0, 0), (0.5, 50), (0.99, 99), (1.0, 99)])
def test_a_percentile_is_one_of_the_values(share, value):
    assert percentile(reversed(range(100)), share) == value


def test_a_table_has_its_first_column_to_the_left_and_the_others_to_the_right():
    lines = []
    Report(lines.append).table(
        "20 KB", ["per second", "ms"], [("nginx", "9", "0.10"), ("a longer name", "12,345", "7")]
    )
    assert [line.removeprefix(10 * " ") for line in lines] == [
        "20 KB           per second     ms",
        "nginx                    9   0.10",
        "a longer name       12,345      7",
    ]


def test_a_row_that_is_too_short_is_no_table():
    with pytest.raises(ValueError, match="shorter"):
        Report([].append).table("20 KB", ["per second", "ms"], [("nginx", "9")])


def test_missed_promises_are_told_again_at_the_end():
    lines = []
    report = Report(lines.append)
    report.promise("fast", "1.0", kept=True)
    report.promise("small", "9 MB", kept=False)
    report.summary(12.0)
    assert lines[0].split() == ["ok", "fast:", "1.0"]
    assert lines[-2:] == ["\n1 promises kept, 1 missed, in 12 s", "  missed: small"]
