"""A clock that tests tick by hand."""

from __future__ import annotations


class ManualClock:
    """Stands still until it is told to go on."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.now += seconds
