"""Deal pipelines and their stages, as HubSpot has them. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a deal pipeline.

    ``probability`` is 0.0 to 1.0, or None if HubSpot has none. ``property_suffix`` stands for its id in the names of
    HubSpot's properties of the stage; None if they have the id itself, or are not known.
    """

    stage_id: str
    label: str
    display_order: int
    probability: float | None
    is_closed: bool
    archived: bool = False
    property_suffix: str | None = None

    @property
    def closed_won(self) -> bool:
        """True if deals in this stage are won: closed, with a probability of 1."""
        return self.is_closed and self.probability == 1.0

    @property
    def closed_lost(self) -> bool:
        """True if deals in this stage are lost: closed, with a probability of 0."""
        return self.is_closed and self.probability == 0.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A deal pipeline with its stages in display order."""

    pipeline_id: str
    label: str
    display_order: int
    stages: tuple[Stage, ...]
    archived: bool = False


class StageKey(NamedTuple):
    """A stage's identity: two pipelines may use one stage id."""

    pipeline_id: str
    stage_id: str
