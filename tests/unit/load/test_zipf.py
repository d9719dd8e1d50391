"""The choice of popular deals."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from benchmarks.load.zipf import Zipf


def test_the_first_is_chosen_twice_as_often_as_the_second_and_ten_times_as_often_as_the_tenth() -> None:
    zipf, rng = Zipf(100), random.Random(1)
    counts = Counter(zipf.choose(rng) for _ in range(100_000))
    assert counts[0] / counts[1] == pytest.approx(2.0, rel=0.05)
    assert counts[0] / counts[9] == pytest.approx(10.0, rel=0.1)
    assert set(counts) == set(range(100))


def test_without_an_exponent_all_are_alike() -> None:
    zipf, rng = Zipf(4, exponent=0.0), random.Random(1)
    counts = Counter(zipf.choose(rng) for _ in range(40_000))
    assert all(count == pytest.approx(10_000, rel=0.05) for count in counts.values())


class Highest(random.Random):
    def random(self) -> float:
        return 1.0


def test_no_rank_is_chosen_that_there_is_not() -> None:
    assert Zipf(3).choose(Highest()) == 2
    assert Zipf(1).choose(random.Random(1)) == 0


def test_several_are_different_and_no_more_than_there_are() -> None:
    chosen = Zipf(50).choose_several(random.Random(1), 20)
    assert len(chosen) == len(set(chosen)) == 20
    assert sorted(Zipf(3).choose_several(random.Random(1), 20)) == [0, 1, 2]
