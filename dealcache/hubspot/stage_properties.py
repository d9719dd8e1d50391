"""The properties with the times at which a deal entered and left its stages: their names, and what they say.

HubSpot keeps two dates for each stage of each pipeline, of the deal's latest stay there. They are properties like any
others, so reading them with deals takes no call. The alternative, ``propertiesWithHistory``, halves lists and batches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from dealcache.model.deals import Deal
from dealcache.model.labels import Labels
from dealcache.model.stage_history import StageTime
from dealcache.model.timestamps import parse_timestamp

ENTERED = "hs_v2_date_entered_"
EXITED = "hs_v2_date_exited_"

#: When the deal entered the stage that it is in, whatever its id.
ENTERED_CURRENT = f"{ENTERED}current_stage"

#: The ids of stages that are part of the names of their properties as they are.
_PLAIN_ID = re.compile(r"[a-z0-9_]+")

#: HubSpot replaces all other characters, and puts a number of its own behind ids in which it did so.
_REPLACED = re.compile(r"[^a-z0-9_]")
_NUMBERED = re.compile(r"(.+)_\d+")


class _Known(NamedTuple):
    """The names to ask for, and the stages by the ends of the names of their properties."""

    labels: Labels
    listed: frozenset[str]
    names: tuple[str, ...]
    stages: Mapping[str, str]


class StageProperties:
    """Names the properties of all known stages, and reads them. Thread-safe.

    Args:
        labels: returns the present labels, whose pipelines have the stages.
        listed: returns the names of all properties of deals as far as they are known, among them those of stages whose
            ids HubSpot does not use as they are.
    """

    def __init__(
        self, labels: Callable[[], Labels], listed: Callable[[], frozenset[str]] = lambda: frozenset()
    ) -> None:
        self._labels = labels
        self._listed = listed
        self._last = _known(Labels(), frozenset())

    def names(self) -> tuple[str, ...]:
        """Return the names of the properties to read; none while no stage is known."""
        return self._current().names

    def with_times(self, deal: Deal, unreadable: list[str]) -> Deal:
        """Return a deal with the times of its stages, which its properties hold; unchanged while no stage is known.

        Args:
            deal: the deal.
            unreadable: receives the names of properties that hold no time.
        """
        _, _, names, stages = self._current()
        if not names:
            return deal
        times: list[StageTime] = []
        for suffix, stage_id in stages.items():
            entered_at = _time(deal.properties, f"{ENTERED}{suffix}", unreadable)
            if entered_at is not None:
                times.append(StageTime(stage_id, entered_at, _time(deal.properties, f"{EXITED}{suffix}", unreadable)))
        present = deal.stage_id
        if present is not None and all(one.stage_id != present for one in times):
            entered_at = _time(deal.properties, ENTERED_CURRENT, unreadable)
            times += [] if entered_at is None else [StageTime(present, entered_at)]
        return replace(deal, stage_times=tuple(times))

    def _current(self) -> _Known:
        labels, listed, last = self._labels(), self._listed(), self._last
        if last.labels is not labels or last.listed is not listed:
            last = self._last = _known(labels, listed)
        return last


def _known(labels: Labels, listed: frozenset[str]) -> _Known:
    ids = dict.fromkeys(stage.stage_id for pipeline in labels.pipelines for stage in pipeline.stages)
    stages = {suffix: stage_id for stage_id in ids for suffix in _suffixes(stage_id, listed)}
    names = [f"{prefix}{suffix}" for suffix in stages for prefix in (ENTERED, EXITED)]
    return _Known(labels, listed, (*names, ENTERED_CURRENT) if ids else (), stages)


def _suffixes(stage_id: str, listed: Iterable[str]) -> list[str]:
    """Return the end of the names of a stage's properties; none if HubSpot must be asked for it and was not yet."""
    if _PLAIN_ID.fullmatch(stage_id):
        return [stage_id]
    plain = _REPLACED.sub("_", stage_id.lower())
    ends = (name.removeprefix(ENTERED) for name in sorted(listed) if name.startswith(f"{ENTERED}{plain}_"))
    return [end for end in ends if (match := _NUMBERED.fullmatch(end)) and match[1] == plain][:1]


def _time(properties: Mapping[str, str], name: str, unreadable: list[str]) -> datetime | None:
    text = properties.get(name)
    if text is None:
        return None
    moment = parse_timestamp(text)
    if moment is None:
        unreadable.append(name)
    return moment
