"""The names of the properties that are read with deals: those that we always need, and those that are wanted now."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dealcache.hubspot.activities import DEAL_PROPERTIES
from dealcache.hubspot.stage_properties import StageProperties

#: A part of the service that needs further properties: returns their names, which may change at any time.
Source = Callable[[], Iterable[str]]


class DealProperties:
    """Names the properties that every read of deals asks HubSpot for. Thread-safe.

    Args:
        sources: name the properties that are read beside the fixed ones.
        stages: those with the times of stages, which are read too; None for none.
    """

    def __init__(self, *sources: Source, stages: StageProperties | None = None) -> None:
        self.stages = stages
        self._sources = sources if stages is None else (*sources, stages.names)

    def further(self) -> tuple[str, ...]:
        """Return the names that the sources want now, each once; their texts are kept in :attr:`.Deal.properties`."""
        return tuple(dict.fromkeys(name for source in self._sources for name in source()))

    def names(self) -> tuple[str, ...]:
        """Return all names to ask HubSpot for."""
        return tuple(dict.fromkeys((*DEAL_PROPERTIES, *self.further()))) if self._sources else DEAL_PROPERTIES
