"""The choice of popular things: the first is wanted twice as often as the second, three times as often as the third."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import accumulate


class Zipf:
    """Chooses among ranks, 0 the most popular.

    Args:
        count: how many ranks there are, at least one.
        exponent: how steep: rank n is chosen in proportion to 1 / (n + 1) ** exponent; 0 makes all alike.
    """

    def __init__(self, count: int, exponent: float = 1.0) -> None:
        self._cumulative = list(accumulate(1.0 / (rank + 1) ** exponent for rank in range(count)))

    def choose(self, rng: random.Random) -> int:
        """A rank."""
        place = bisect_right(self._cumulative, rng.random() * self._cumulative[-1])
        return min(place, len(self._cumulative) - 1)  # the product may be rounded up to the total

    def choose_several(self, rng: random.Random, count: int) -> list[int]:
        """``count`` different ranks, or all if there are fewer, in the order in which they were chosen first."""
        chosen: dict[int, None] = {}
        while len(chosen) < min(count, len(self._cumulative)):
            chosen[self.choose(rng)] = None
        return list(chosen)
