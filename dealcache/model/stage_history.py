"""When a deal was in which stage: its stays, made from what HubSpot keeps of the latest stay in each stage. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

_DAY = timedelta(days=1)


class StageTime(NamedTuple):
    """When a deal entered a stage last, and when it left it last; of a stage entered again, that is the earlier one."""

    stage_id: str
    entered_at: datetime
    exited_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """True if the deal has left the stage since it entered it."""
        return self.exited_at is not None and self.exited_at > self.entered_at


class Stay(NamedTuple):
    """One stay of a deal in a stage.

    Args:
        stage_id: HubSpot's id of the stage.
        entered_at: when it began; None if HubSpot does not tell.
        left_at: when it ended; None if it has not, or if HubSpot does not tell.
        is_current: True for the stay in the stage that the deal is in.
    """

    stage_id: str
    entered_at: datetime | None
    left_at: datetime | None
    is_current: bool

    def days(self, now: datetime) -> float | None:
        """Return how long it lasted, or has lasted by now; see :func:`days_between`."""
        return days_between(self.entered_at, now if self.is_current else self.left_at)


def days_between(since: datetime | None, until: datetime | None) -> float | None:
    """Return the days from one time to another, to one decimal; 0 if that is earlier, None if either is not known."""
    if since is None or until is None:
        return None
    return round(max(0.0, (until - since) / _DAY), 1)


def current_entry(times: Iterable[StageTime], stage_id: str | None) -> datetime | None:
    """Return when a deal entered the stage that it is in; None if that is not known.

    Args:
        times: the times of its stages.
        stage_id: the stage that it is in.
    """
    return next((one.entered_at for one in times if one.stage_id == stage_id and not one.is_over), None)


def stays_of(times: Iterable[StageTime], stage_id: str | None) -> list[Stay]:
    """Return the stays of a deal in the order in which they began.

    HubSpot's times are of the latest stay in each stage; earlier stays in a stage that was entered again are not known.
    A stay without an end of its own ends where the next one begins. The deal's present stage is always among them: at
    the end and without a time if it is not known when the deal entered it.

    Args:
        times: the times of its stages, each stage once.
        stage_id: the stage that it is in; None if it is in none.
    """
    ordered = sorted(times, key=lambda one: (one.entered_at, one.stage_id == stage_id, not one.is_over, one.stage_id))
    stays = []
    for place, time in enumerate(ordered, start=1):
        next_entry = ordered[place].entered_at if place < len(ordered) else None
        is_current = time.stage_id == stage_id and not time.is_over
        left_at = None if is_current else time.exited_at if _is_end(time) else next_entry
        stays.append(Stay(time.stage_id, time.entered_at, left_at, is_current))
    if stage_id is not None and not any(stay.is_current for stay in stays):
        stays.append(Stay(stage_id, None, None, is_current=True))
    return stays


def _is_end(time: StageTime) -> bool:
    return time.exited_at is not None and time.exited_at >= time.entered_at
