"""When visits are due, and that this is kept to."""

from __future__ import annotations

import asyncio
import itertools
import random
from statistics import fmean, pstdev

import pytest

from benchmarks.load.arrivals import keep_to, poisson
from tests.unit.load import virtual_time


def test_as_many_are_due_as_the_rate_says_and_none_after_the_end() -> None:
    due = list(poisson(50.0, 200.0, random.Random(1)))
    assert len(due) == pytest.approx(10_000, rel=0.03)
    assert due == sorted(due)
    assert due[0] > 0.0
    assert due[-1] < 200.0


def test_they_come_by_chance_and_not_evenly() -> None:
    due = list(poisson(50.0, 200.0, random.Random(1)))
    pauses = [later - earlier for earlier, later in itertools.pairwise(due)]
    # Of an exponential distribution mean and standard deviation are the same; of an even one the latter is 0.
    assert pstdev(pauses) == pytest.approx(fmean(pauses), rel=0.05)


def test_the_same_seed_gives_the_same_moments() -> None:
    assert list(poisson(9.0, 5.0, random.Random(3))) == list(poisson(9.0, 5.0, random.Random(3)))


def test_each_is_begun_when_it_is_due() -> None:
    begun = []

    async def work() -> None:
        await keep_to(
            [0.5, 0.75, 2.0], lambda due: begun.append((due, virtual_time.now())), virtual_time.now, asyncio.sleep
        )

    virtual_time.run(work())
    assert begun == [(0.5, pytest.approx(0.5)), (0.75, pytest.approx(0.75)), (2.0, pytest.approx(2.0))]


def test_who_is_late_leaves_nothing_out_and_catches_up() -> None:
    time, begun, slept = [0.0], [], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        time[0] += seconds

    def begin(due: float) -> None:
        begun.append((due, time[0]))
        time[0] += 3.0 if due == 1.0 else 0.0

    asyncio.run(keep_to([1.0, 2.0, 3.0, 5.0], begin, lambda: time[0], sleep))
    assert begun == [(1.0, 1.0), (2.0, 4.0), (3.0, 4.0), (5.0, 5.0)]
    assert slept == [1.0, 0.0, 0.0, 1.0]  # 0.0 lets others run
