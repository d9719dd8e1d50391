"""Growth of a worker's memory."""

from __future__ import annotations

import os

from tests.soak.memory import MOST_GROWTH, WARM_UP, Sample, growth_of, resident_bytes

BASE = 100 * 1024 * 1024


def samples(seconds: int, per_second: float, warm_up_growth: int = 0) -> list[Sample]:
    return [
        Sample(1_000.0 + at, BASE + (warm_up_growth if at >= WARM_UP / 2 else 0) + int(per_second * at))
        for at in range(0, seconds, 2)
    ]


def test_steady_memory_is_no_growth() -> None:
    growth = growth_of(samples(200, 0.0))
    assert growth is not None
    assert (growth.warm, growth.last, growth.too_much) == (BASE, BASE, False)


def test_what_is_taken_while_warming_up_is_no_growth() -> None:
    growth = growth_of(samples(200, 0.0, warm_up_growth=2 * MOST_GROWTH))
    assert growth is not None
    assert not growth.too_much


def test_growing_on_and_on_is_too_much() -> None:
    growth = growth_of(samples(300, 1.5 * MOST_GROWTH / 200))
    assert growth is not None
    assert growth.too_much


def test_a_short_life_tells_nothing() -> None:
    assert growth_of(samples(int(WARM_UP), 0.0)) is None


def test_the_kernel_tells_what_a_process_takes() -> None:
    assert resident_bytes(os.getpid()) > 1024 * 1024
    assert resident_bytes(2**22 + 1) == 0  # larger than any process id
