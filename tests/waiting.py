"""Waiting for what other threads and processes bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds that anything may take that has to happen. No promise of the service: the machine is busy with other tests.
PATIENCE = 60.0


def until(condition: Callable[[], T], seconds: float = PATIENCE, every: float = 0.2) -> T:
    """Return what ``condition`` returns, as soon as that is true; look at least ``every`` so many seconds."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not (value := condition()):
        assert time.monotonic() < deadline, f"the condition did not come true in {seconds:g} s"
        time.sleep(pause)
        pause = min(1.2 * pause, every)  # to look is not cheap either
    return value
