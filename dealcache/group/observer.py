"""What a process tells of its place in the group, for metrics."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Is told; each method may be called from any thread, and must neither raise nor take long."""

    def invalidations_recorded(self, count: int) -> None:
        """This process has added so many entries to the record of invalidations."""

    def invalidation_applied(self) -> None:
        """This process has applied an entry of the record."""

    def followed_until(self, at: float) -> None:
        """Everything is known here that was recorded before ``at``, epoch seconds."""

    def workers_seen(self, count: int) -> None:
        """So many processes live, this one included."""
