"""Lets many threads do the same thing at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def race(action: Callable[[int], T], count: int) -> list[T]:
    """Return what ``action`` gives for each of the first ``count`` numbers, all begun at once."""
    start = threading.Barrier(count)

    def run(number: int) -> T:
        start.wait(60)
        return action(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
