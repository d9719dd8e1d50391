"""Whether the service can serve: MongoDB must answer; HubSpot being down only degrades it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """``status`` is ready, degraded or unavailable; ``missing`` names the dependencies that do not answer."""

    status: str
    missing: tuple[str, ...]


def report(dependencies: dict[str, Callable[[], bool]]) -> Report:
    """Ask every dependency.

    Args:
        dependencies: each one's name, and what tells within its own time-out whether it answers.
    """
    missing = tuple(name for name, answers in dependencies.items() if not answers())
    status = "unavailable" if "mongodb" in missing else "degraded" if missing else "ready"
    return Report(status, missing)
