"""What the read path returns, and the record of the way that a read took through the tiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from dealcache.tiers import Entry

TierName = Literal["memory", "redis", "mongodb", "hubspot"]


class Mode(Enum):
    """How fresh a reader wants the answer."""

    DEFAULT = "default"
    #: Skip the cache tiers and ask MongoDB (``Cache-Control: no-cache``).
    NO_CACHE = "no-cache"
    #: Ask HubSpot and write the result through all tiers (``refresh=true``).
    REFRESH = "refresh"


class Outcome(Enum):
    """What one tier had to say."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"
    #: It had a value in time, but this process does not hear of invalidations and cannot trust it.
    UNSURE = "unsure"
    BYPASS = "bypass"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Step:
    """One tier that was asked: what it said, and how long it took in milliseconds."""

    tier: TierName
    outcome: Outcome
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered read.

    ``tier`` is the one that answered; ``stale`` tells that the value is past its time and served because every tier
    below failed; ``entry.status`` is 200, or 404 when no tier knows the deal.
    """

    entry: Entry
    tier: TierName
    steps: tuple[Step, ...]
    stale: bool = False


class Journey:
    """Collects the steps of one read.

    Args:
        timer: a monotonic clock in seconds.
    """

    __slots__ = ("_lap", "_timer", "steps")

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._lap = timer()
        self.steps: list[Step] = []

    def step(self, tier: TierName, outcome: Outcome) -> None:
        """Note what ``tier`` said; its time is what passed since the step before."""
        now = self._timer()
        self.steps.append(Step(tier, outcome, (now - self._lap) * 1000.0))
        self._lap = now

    def answer(self, entry: Entry, tier: TierName, stale: bool = False) -> Answer:
        """The read's end: ``tier`` answered with ``entry``."""
        return Answer(entry, tier, tuple(self.steps), stale)
