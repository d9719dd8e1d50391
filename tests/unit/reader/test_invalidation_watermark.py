"""Since when a process cannot be sure that it knows of all invalidations, with clocks that the test ticks by hand."""

from __future__ import annotations

import pytest

from dealcache.reader.invalidation_watermark import InvalidationWatermark
from tests.clocks import ManualClock

#: The floor of a process that is sure: all that was ever read is above it.
EVERYTHING = float("-inf")


@pytest.fixture
def wall() -> ManualClock:
    return ManualClock(5_000.0)


@pytest.fixture
def timer() -> ManualClock:
    return ManualClock(10.0)


@pytest.fixture
def watermark(wall: ManualClock, timer: ManualClock) -> InvalidationWatermark:
    return InvalidationWatermark(wall, timer)


def pass_time(seconds: float, *clocks: ManualClock) -> None:
    for clock in clocks:
        clock.tick(seconds)


def test_a_process_that_does_not_follow_trusts_everything(watermark, wall, timer):
    pass_time(1_000, wall, timer)
    assert watermark.floor() == EVERYTHING


def test_it_is_sure_for_the_grace_and_no_longer(watermark, wall, timer):
    watermark.begin()
    pass_time(1.0, wall, timer)
    assert watermark.floor() == EVERYTHING
    pass_time(0.001, wall, timer)
    assert watermark.floor() > 0
    assert watermark.floor() == 5_001.0


@pytest.mark.parametrize("step", [-86_400.0, -120.0, 120.0])
def test_a_clock_that_is_set_moves_the_floor_with_it(watermark, wall, timer, step):
    watermark.begin()
    watermark.doubt()
    pass_time(0.5, wall, timer)
    wall.tick(step)
    assert watermark.floor() == wall.now - 0.5
    pass_time(2.5, wall, timer)
    assert watermark.floor() == wall.now - 2.0


def test_a_sign_of_life_counts_from_when_it_was_asked_for(watermark, wall, timer):
    watermark.begin()
    moment = watermark.moment()
    pass_time(0.8, wall, timer)
    watermark.note(moment)
    pass_time(0.3, wall, timer)
    assert watermark.floor() > 0


def test_the_floor_is_the_moment_at_which_it_ceased_to_be_sure(watermark, wall, timer):
    watermark.begin()
    pass_time(3, wall, timer)
    watermark.note(watermark.moment())
    assert watermark.floor() == EVERYTHING
    pass_time(60, wall, timer)
    assert watermark.floor() == 5_004.0


def test_an_older_sign_of_life_takes_nothing_back(watermark, wall, timer):
    watermark.begin()
    older = watermark.moment()
    pass_time(0.5, wall, timer)
    watermark.note(watermark.moment())
    watermark.note(older)
    pass_time(0.7, wall, timer)
    assert watermark.floor() == EVERYTHING


def test_a_wall_clock_that_jumps_makes_nobody_unsure(watermark, wall, timer):
    watermark.begin()
    wall.tick(3_600)
    assert watermark.floor() == EVERYTHING


def test_it_tells_up_to_when_it_is_sure_and_never_of_an_earlier_time(wall, timer):
    told: list[float] = []
    watermark = InvalidationWatermark(wall, timer, on_sure=told.append)
    watermark.begin()
    pass_time(1, wall, timer)
    earlier = watermark.moment()
    pass_time(1, wall, timer)
    watermark.note(watermark.moment())
    watermark.note(earlier)
    assert told == [5_002.0]


def test_doubt_makes_all_that_was_read_until_then_untrusted_for_good(watermark, wall, timer):
    watermark.begin()
    pass_time(0.5, wall, timer)
    watermark.doubt()
    assert watermark.floor() == 5_000.5
    pass_time(0.2, wall, timer)
    watermark.note(watermark.moment())
    assert watermark.floor() == 5_000.5
    pass_time(10, wall, timer)
    assert watermark.floor() == 5_001.7
