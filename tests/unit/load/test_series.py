"""The run over time."""

from __future__ import annotations

import pytest

from benchmarks.load.series import series_of, width_for
from tests.unit.load.runs import arrival, run_of, sample


@pytest.mark.parametrize(
    ("seconds", "width"), [(1.0, 1), (120.0, 1), (120.1, 2), (600.0, 5), (3_600.0, 30), (36_000.0, 300)]
)
def test_intervals_are_as_short_as_can_be_told_apart(seconds: float, width: int) -> None:
    assert width_for(seconds) == width


def test_what_was_due_and_what_was_answered_belong_to_their_own_moments() -> None:
    series = series_of(run_of(sample(0.5, 2.0), sample(0.6, 0.1), sample(1.5, 0.1, fault="500"), seconds=3.0))
    assert series.due == [(0.5, 2.0), (1.5, 1.0), (2.5, 0.0)]
    assert series.answered == [(0.5, 1.0), (1.5, 0.0), (2.5, 1.0)]
    assert series.failed == [(1.5, 1.0)]


def test_a_short_rest_is_no_fall_and_a_long_one_counts_for_its_length() -> None:
    samples = [sample(0.5, 0.1), sample(1.5, 0.1), sample(2.1, 0.1)]
    assert [rate for _, rate in series_of(run_of(*samples, seconds=2.3)).due] == [1.0, 1.0]
    assert [rate for _, rate in series_of(run_of(*samples, seconds=2.8)).due] == pytest.approx([1.0, 1.0, 1 / 0.8])


def test_wider_intervals_still_give_figures_per_second() -> None:
    series = series_of(run_of(*(sample(1.0, 0.1) for _ in range(6)), seconds=240.0))
    assert series.width == 2
    assert series.due[:2] == [(1.0, 3.0), (3.0, 0.0)]


def test_latency_is_in_milliseconds_for_each_tier_that_answered() -> None:
    samples = [sample(0.1, number / 1000) for number in range(1, 101)] + [sample(1.2, 0.5, tier="hubspot")]
    series = series_of(run_of(*samples, seconds=2.0))
    assert set(series.latency) == {"memory", "hubspot"}
    memory = {name: points[0][1] for name, points in series.latency["memory"].items()}
    assert memory == {
        "p50": pytest.approx(51),
        "p95": pytest.approx(96),
        "p99": pytest.approx(100),
        "max": pytest.approx(100),
    }
    assert series.latency["hubspot"]["p50"] == [(0.5, None), (1.5, pytest.approx(500))]


def test_the_hit_ratio_counts_answers_with_a_tier() -> None:
    tiers = ["memory", "memory", "redis", "mongodb", ""]
    series = series_of(run_of(*(sample(0.1, tier=tier) for tier in tiers), seconds=2.0))
    assert series.memory_ratio == [(0.5, pytest.approx(50.0))]
    assert series.shared_ratio == [(0.5, pytest.approx(75.0))]


def test_the_worst_of_the_generator_is_shown() -> None:
    arrivals = [arrival(0.1, late=0.002), arrival(0.2, late=0.005, queued=0.1), arrival(1.5)]
    series = series_of(run_of(arrivals=arrivals, seconds=2.0))
    assert series.lag == [(0.5, pytest.approx(5.0)), (1.5, 0.0)]
    assert series.queued == [(0.5, pytest.approx(100.0)), (1.5, 0.0)]
