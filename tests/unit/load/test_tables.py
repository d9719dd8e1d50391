"""The run in numbers."""

from __future__ import annotations

import pytest

from benchmarks.load.mix import Kind
from benchmarks.load.tables import lag_of, milliseconds, rows_by_kind, rows_by_tier
from tests.unit.load.runs import arrival, run_of, sample


def test_percentiles_are_values_that_were_measured() -> None:
    assert milliseconds(number / 1000 for number in range(1, 201)) == pytest.approx((101, 191, 199, 200))
    assert milliseconds([0.25]) == (250.0,) * 4
    assert milliseconds([]) == ()


def test_each_kind_has_a_row_and_all_have_one() -> None:
    run = run_of(
        sample(kind=Kind.CLEAR, tier="", seconds=0.004),
        sample(),
        sample(status=304),
        sample(status=503, fault="503"),
        sample(status=0, fault="broken connection"),
        arrivals=[arrival()],
    )
    page, info, clear, every = rows_by_kind(run)
    assert (page.name, page.count, page.milliseconds) == ("page view as a whole", 1, (2.0,) * 4)
    assert (info.name, info.statuses) == ("info", {"200": 1, "304": 1, "503": 1, "none": 1})
    assert info.faults == {"503": 1, "broken connection": 1}
    assert (clear.name, clear.milliseconds) == ("clear", (4.0,) * 4)
    assert (every.name, every.count) == ("all requests", 5)


def test_what_was_waited_for_is_told_apart() -> None:
    row, _ = rows_by_kind(run_of(sample(seconds=0.5)._replace(waited=0.4)))
    assert row.milliseconds == pytest.approx((500.0,) * 4)
    assert row.from_sending == pytest.approx((100.0,) * 4)


def test_nothing_has_no_rows() -> None:
    assert rows_by_kind(run_of()) == rows_by_tier(run_of()) == []


def test_tiers_stand_in_the_order_in_which_they_are_asked() -> None:
    run = run_of(sample(tier="hubspot"), sample(tier=""), sample(tier="memory"), sample(tier="memory"))
    assert [(row.name, row.count) for row in rows_by_tier(run)] == [("memory", 2), ("hubspot", 1)]


def test_a_generator_in_time_gives_no_warning() -> None:
    run = run_of(arrivals=[arrival(late=0.001, queued=0.5)] * 100)
    run.processor_seconds = 5.0
    lag = lag_of(run)
    assert lag.warning == ""
    assert lag.late == pytest.approx((1.0,) * 4)
    assert (lag.waited, lag.busy) == (100, 0.5)


def test_a_late_or_busy_generator_says_so() -> None:
    late = run_of(arrivals=[arrival(late=0.001)] * 97 + [arrival(late=0.05)] * 3)
    assert "more than 20 ms late" in lag_of(late).warning
    busy = run_of(arrivals=[arrival()])
    busy.processor_seconds = 9.0
    assert "it computed 90% of the time" in lag_of(busy).warning
