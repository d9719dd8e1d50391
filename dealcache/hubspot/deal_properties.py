"""The properties that are read with deals: the fixed ones, those that are wanted now, and the times of stages.

HubSpot keeps two dates for each stage of each pipeline, of the deal's latest stay there. They are properties like any
others, so reading them with deals takes no call. The alternative, ``propertiesWithHistory``, halves lists and batches.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from dealcache.hubspot.activities import DEAL_PROPERTIES
from dealcache.hubspot.errors import HubSpotError
from dealcache.model.deals import Deal
from dealcache.model.labels import Labels
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.model.stage_history import StageTime
from dealcache.model.timestamps import parse_timestamp

log = logging.getLogger(__name__)

#: A part of the service that needs further properties: returns their names, which may change at any time.
Source = Callable[[], Iterable[str]]

ENTERED = "hs_v2_date_entered_"
EXITED = "hs_v2_date_exited_"

#: The property with the time at which the deal entered its present stage, whatever its id.
ENTERED_CURRENT = f"{ENTERED}current_stage"

#: The ids of stages that are part of the names of their properties as they are.
_PLAIN_ID = re.compile(r"[a-z0-9_]+")

#: HubSpot replaces all other characters, and puts a number of its own behind ids in which it did so.
_REPLACED = re.compile(r"[^a-z0-9_]")
_NUMBERED = re.compile(r"(.+)_[0-9]+")


class _Known(NamedTuple):
    """The names to ask for, and the stages by the ends of the names of their properties."""

    labels: Labels
    names: tuple[str, ...]
    stages: Mapping[str, str]


class DealProperties:
    """Names the properties that every read of deals asks HubSpot for, and reads the times of stages. Thread-safe.

    Args:
        sources: name the properties that are read beside the fixed ones.
        labels: returns the present labels, to read the times of the stages that they have; None to read no times.
    """

    def __init__(self, *sources: Source, labels: Callable[[], Labels] | None = None) -> None:
        self._sources = sources
        self._labels = labels
        self._last = _known(Labels())

    def further(self) -> tuple[str, ...]:
        """Return the names that are wanted now, each once; their texts are kept in :attr:`.Deal.properties`."""
        named = (name for source in self._sources for name in source())
        return tuple(dict.fromkeys((*named, *self._stages().names)))

    def names(self) -> tuple[str, ...]:
        """Return all names to ask HubSpot for."""
        further = self.further()
        return tuple(dict.fromkeys((*DEAL_PROPERTIES, *further))) if further else DEAL_PROPERTIES

    def with_times(self, deal: Deal, told: Collection[str], unreadable: list[str]) -> Deal:
        """Return a deal with the times of its stages, which its properties hold; unchanged if they were not asked for.

        The stages may have become known between the question and the answer.

        Args:
            deal: the deal.
            told: the names of the properties in HubSpot's answer; one that was asked for and is empty is null there.
            unreadable: receives the names of properties that hold no time.
        """
        _, names, stages = self._stages()
        if not names:
            return deal
        times: list[StageTime] = []
        for suffix, stage_id in stages.items():
            entered_at = _time(deal.properties, f"{ENTERED}{suffix}", unreadable)
            if entered_at is not None:
                times.append(StageTime(stage_id, entered_at, _time(deal.properties, f"{EXITED}{suffix}", unreadable)))
        present = deal.stage_id
        if not times and present is not None and not any(name in told for name in names):
            return deal
        if present is not None and all(one.stage_id != present for one in times):
            entered_at = _time(deal.properties, ENTERED_CURRENT, unreadable)
            # HubSpot works these dates out after a change: until then it is the stage before that is called current.
            if entered_at is not None and all(one.entered_at != entered_at for one in times):
                times.append(StageTime(present, entered_at))
        return replace(deal, stage_times=tuple(times))

    def _stages(self) -> _Known:
        last = self._last
        if self._labels is not None and (labels := self._labels()) is not last.labels:
            last = self._last = _known(labels)
        return last


def stage_property_names(labels: Labels) -> tuple[str, ...]:
    """Return the names of the properties of all stages; none while no stage is known."""
    return _known(labels).names


def _known(labels: Labels) -> _Known:
    every = [stage for pipeline in labels.pipelines for stage in pipeline.stages]
    stages = {suffix: stage.stage_id for stage in every if (suffix := _suffix_of(stage)) is not None}
    names = [f"{prefix}{suffix}" for suffix in stages for prefix in (ENTERED, EXITED)]
    return _Known(labels, (*names, ENTERED_CURRENT) if every else (), stages)


def _suffix_of(stage: Stage) -> str | None:
    return stage.stage_id if _PLAIN_ID.fullmatch(stage.stage_id) else stage.property_suffix


def with_suffixes(
    pipelines: tuple[Pipeline, ...], known: Labels, list_names: Callable[[], Iterable[str]]
) -> tuple[Pipeline, ...]:
    """Return pipelines with the suffixes of the stages whose ids HubSpot alters in names of properties.

    Args:
        pipelines: as HubSpot gave them.
        known: the labels so far, whose suffixes stay if the names cannot be listed.
        list_names: asks HubSpot for the names of all properties of deals; called only if there are such stages.
    """
    altered = {stage.stage_id for one in pipelines for stage in one.stages if not _PLAIN_ID.fullmatch(stage.stage_id)}
    if not altered:
        return pipelines
    found: Mapping[str, str | None]
    try:
        found = _suffixes(altered, list_names())
    except HubSpotError as failure:
        log.warning("HubSpot does not list the properties of deals, so those of new stages stay unknown: %s", failure)
        found = {stage.stage_id: stage.property_suffix for one in known.pipelines for stage in one.stages}
    return tuple(_named(one, found) for one in pipelines)


def _suffixes(altered: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Return the suffixes of stages by id; none where it cannot be told which of several is whose."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for stage_id in altered:
        alike[_REPLACED.sub("_", stage_id.lower())].append(stage_id)
    ends: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        if name.startswith(ENTERED) and (match := _NUMBERED.fullmatch(name, len(ENTERED))):
            ends[match[1]].append(match[0])
    return {ids[0]: ends[form][0] for form, ids in alike.items() if len(ids) == len(ends.get(form, ())) == 1}


def _named(pipeline: Pipeline, suffixes: Mapping[str, str | None]) -> Pipeline:
    stages = (replace(stage, property_suffix=suffixes.get(stage.stage_id)) for stage in pipeline.stages)
    return replace(pipeline, stages=tuple(stages))


def _time(properties: Mapping[str, str], name: str, unreadable: list[str]) -> datetime | None:
    text = properties.get(name)
    if text is None:
        return None
    moment = parse_timestamp(text)
    if moment is None:
        unreadable.append(name)
    return moment
