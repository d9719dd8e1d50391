"""The results of the read path, and the trace of a read through the tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from time import perf_counter
from typing import Literal, NamedTuple

from dealcache.model.deals import DealKey
from dealcache.tiers import Entry, View

#: The three views of a deal, which one load from HubSpot provides.
Loaded = dict[View, Entry]

TierName = Literal["memory", "redis", "mongodb", "hubspot"]


class Mode(Enum):
    """The freshness that a reader asks for."""

    DEFAULT = "default"
    #: Skip the cache tiers and ask MongoDB (``Cache-Control: no-cache``).
    NO_CACHE = "no-cache"
    #: Ask HubSpot and write the result through all tiers (``refresh=true``).
    REFRESH = "refresh"


class TierOutcome(Enum):
    """The outcome of asking one tier."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"
    #: It had a fresh value, which cannot be trusted because this process does not hear of invalidations.
    UNSURE = "unsure"
    BYPASS = "bypass"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Step:
    """One tier that was asked: the outcome, and how long it took in milliseconds."""

    tier: TierName
    outcome: TierOutcome
    milliseconds: float


class ReadTrace:
    """Collects the steps of one read."""

    __slots__ = ("_lap", "steps")

    def __init__(self) -> None:
        self._lap = perf_counter()
        self.steps: list[Step] = []

    def step(self, tier: TierName, outcome: TierOutcome) -> None:
        """Note the outcome of ``tier``; its duration is the time since the previous step."""
        now = perf_counter()
        self.steps.append(Step(tier, outcome, (now - self._lap) * 1000.0))
        self._lap = now


class Found(NamedTuple):
    """A value and its tier. A ``stale`` one is past its time, and serves only if every tier below fails."""

    entry: Entry
    tier: TierName
    stale: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered read.

    ``tier`` is the one that answered; ``stale`` tells that the value is past its time and served because every tier
    below failed; ``entry.status`` is 200, or 404 when no tier knows the deal. ``revalidating`` tells that the data is
    too old, so that the deal is read from HubSpot again in the background.
    """

    entry: Entry
    tier: TierName
    steps: Sequence[Step]
    stale: bool = False
    revalidating: bool = False


@dataclass(slots=True)
class BatchAnswer:
    """An answered batch.

    Attributes:
        values: for each answered deal its views; the status of their entries is 404 when no tier knows the deal.
        failures: why the others could not be answered.
        revalidating: the deals whose data is too old.
        trace: the steps through the tiers, for all deals together.
    """

    values: dict[DealKey, dict[View, Found]] = field(default_factory=dict)
    failures: dict[DealKey, Exception] = field(default_factory=dict)
    revalidating: set[DealKey] = field(default_factory=set)
    trace: ReadTrace = field(default_factory=ReadTrace)
