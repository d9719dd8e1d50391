"""Owners, stages, pipelines and own properties: their present labels, which are looked up when a view is made.

HubSpot's records hold ids, and so do stored documents: a stage that is renamed is the same stage. The stage of a deal
and the stages that a client's word means are resolved here and nowhere else. Plain values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.deals import Deal, Event, bare_name, name_key
from dealcache.model.pipelines import Pipeline, Stage, StageKey

#: Shown for a deal that has no owner, or one without a name.
UNKNOWN_OWNER = "Unknown Owner"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner of records; ``name`` is None for one without a name, ``archived`` True for one who has left."""

    owner_id: str
    name: str | None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class LabelChanges:
    """The ids whose labels differ between two times, including those that became known or unknown."""

    owner_ids: frozenset[str] = frozenset()
    stage_ids: frozenset[str] = frozenset()
    pipeline_ids: frozenset[str] = frozenset()
    property_names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.owner_ids or self.stage_ids or self.pipeline_ids or self.property_names)


@dataclass(frozen=True, slots=True)
class UnknownIds:
    """Ids that have no label; ``stages`` are deals' pipelines and stages, the ids as the deals hold them."""

    owner_ids: frozenset[str] = frozenset()
    stages: frozenset[tuple[str | None, str | None]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.owner_ids or self.stages)


@dataclass(frozen=True, slots=True)
class Labels:
    """All labels known at one time. Immutable.

    Args:
        known_owners: all owners, including those who have left.
        pipelines: all deal pipelines in display order, archived ones included.
        version: the number of label changes known to this process; see :mod:`.reader.label_directory`.
        is_current: False if newer labels exist that could not be read.
        properties: the definitions of the own properties that are configured and that HubSpot has, by name.
        absent_properties: the names of those that HubSpot does not have; others are not known yet.
    """

    known_owners: tuple[Owner, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    version: int = 0
    is_current: bool = True
    properties: Mapping[str, PropertyDefinition] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    absent_properties: frozenset[str] = frozenset()
    owners: Mapping[str | None, str] = field(init=False, repr=False, compare=False)
    _pipelines: Mapping[str | None, Pipeline] = field(init=False, repr=False, compare=False)
    _stages: Mapping[StageKey, Stage] = field(init=False, repr=False, compare=False)
    _anywhere: Mapping[str | None, StageKey] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stages = {StageKey(one.pipeline_id, stage.stage_id): stage for one in self.pipelines for stage in one.stages}
        in_use = {one.pipeline_id for one in self.pipelines if not one.archived}
        anywhere: dict[str | None, StageKey] = {}
        # The first stage in use wins among several with one id.
        for key in sorted(stages, key=lambda key: stages[key].archived or key.pipeline_id not in in_use):
            anywhere.setdefault(key.stage_id, key)
        object.__setattr__(self, "owners", {one.owner_id: one.name or "" for one in self.known_owners})
        object.__setattr__(self, "_pipelines", {one.pipeline_id: one for one in self.pipelines})
        object.__setattr__(self, "_stages", stages)
        object.__setattr__(self, "_anywhere", anywhere)

    # Labels of records; those that an earlier version stored in a record are the former ones

    def owner_label(self, owner_id: str | None, former: str | None) -> str:
        """Return the name of an owner; if it is unknown ``former``, or :data:`UNKNOWN_OWNER`."""
        return self.owners.get(owner_id, former or "") or UNKNOWN_OWNER

    def stage_label(self, pipeline_id: str | None, stage_id: str | None, former: str | None) -> str:
        """Return the label of a stage; if it is unknown ``former``, or its id."""
        stage = self.stage(pipeline_id, stage_id)
        return (former if stage is None else stage.label) or stage_id or ""

    def pipeline_label(self, pipeline_id: str | None, former: str | None = None) -> str:
        """Return the label of a pipeline; if it is unknown ``former``, or its id."""
        pipeline = self._pipelines.get(pipeline_id)
        return (former if pipeline is None else pipeline.label) or pipeline_id or ""

    def unknown_in(self, deals: Iterable[Deal], events: Iterable[Event] = ()) -> UnknownIds:
        """Return the ids of these records that have no label."""
        owner_ids: set[str | None] = {event.owner_id for event in events}
        stages = set()
        for deal in deals:
            owner_ids.add(deal.owner_id)
            stages.add((deal.pipeline_id, deal.stage_id))
        named = frozenset(owner_id for owner_id in owner_ids if owner_id is not None)
        return self.still_unknown(UnknownIds(named, frozenset(stages)))

    def still_unknown(self, ids: UnknownIds) -> UnknownIds:
        """Return those of ``ids`` that have no label now."""
        return UnknownIds(
            frozenset(owner_id for owner_id in ids.owner_ids if owner_id not in self.owners),
            frozenset(stage for stage in ids.stages if self._lacks(*stage)),
        )

    def _lacks(self, pipeline_id: str | None, stage_id: str | None) -> bool:
        if pipeline_id is not None and pipeline_id not in self._pipelines:
            return True
        return stage_id is not None and self.stage_key(pipeline_id, stage_id) is None

    # Stages

    def stage_key(self, pipeline_id: str | None, stage_id: str | None) -> StageKey | None:
        """Return the stage that these ids mean, None if unknown; without a known pipeline, by the stage id alone."""
        if pipeline_id is None or pipeline_id not in self._pipelines:
            return self._anywhere.get(stage_id)
        key = StageKey(pipeline_id, stage_id or "")
        return key if key in self._stages else None

    def stage(self, pipeline_id: str | None, stage_id: str | None) -> Stage | None:
        """Return the stage that these ids mean, None if it is unknown."""
        key = self.stage_key(pipeline_id, stage_id)
        return None if key is None else self._stages[key]

    def stages_named(self, wanted: str) -> list[StageKey]:
        """Return the stages that ``wanted`` means: by label in any case, or by id."""
        text, label = bare_name(wanted), name_key(wanted)
        return [key for key, stage in self._stages.items() if key.stage_id == text or name_key(stage.label) == label]

    def stage_ids(self, wanted: str) -> list[str]:
        """Return the ids of the stages that ``wanted`` means, each once."""
        return list(dict.fromkeys(key.stage_id for key in self.stages_named(wanted)))

    def possible_stage_ids(self, wanted: str) -> list[str]:
        """Return the same; if there is none, ``wanted`` itself: a stage without a label, new or gone, has its id."""
        return self.stage_ids(wanted) or [bare_name(wanted)]

    def deals_in_stage(self, deals: Iterable[Deal], wanted: str) -> list[Deal]:
        """Return those of ``deals`` that are in a stage that ``wanted`` means; two pipelines may use one stage id."""
        stages = set(self.stages_named(wanted))
        found = ((deal, self.stage_key(deal.pipeline_id, deal.stage_id)) for deal in deals)
        return [deal for deal, key in found if key in stages or (key is None and deal.stage_id == bare_name(wanted))]

    def stage_name(self, wanted: str) -> str | None:
        """Return one name for all the ways to name a stage: its label as HubSpot writes it. None if there is none.

        If that label would mean other stages than ``wanted`` does (such as the id of one of two stages with the same
        label), ``wanted`` is returned unchanged.
        """
        chosen = self.stages_named(wanted)
        if not chosen:
            return None
        label = bare_name(self._stages[chosen[0]].label)
        return label if label and self.stages_named(label) == chosen else bare_name(wanted)

    def stages_in_use(self) -> list[tuple[Pipeline, Stage]]:
        """Return all stages that are in use, pipeline by pipeline, in display order."""
        ordered = sorted(self.pipelines, key=lambda pipeline: (pipeline.display_order, pipeline.pipeline_id))
        return [
            (pipeline, stage)
            for pipeline in ordered
            for stage in sorted(pipeline.stages, key=lambda stage: (stage.display_order, stage.stage_id))
            if not (pipeline.archived or stage.archived)
        ]

    def stage_labels(self) -> list[str]:
        """Return the labels of all stages in use, with the pipeline's label if several stages have the same one."""
        in_use = self.stages_in_use()
        bearers = Counter(name_key(stage.label) for _, stage in in_use)
        return [
            f"{stage.label} ({pipeline.label})" if bearers[name_key(stage.label)] > 1 else stage.label
            for pipeline, stage in in_use
        ]

    def closed_stage_ids(self) -> list[str]:
        """Return the ids of the stages whose deals are won or lost."""
        return [key.stage_id for key, stage in self._stages.items() if stage.is_closed]

    # Changes

    def changes_since(self, before: Labels) -> LabelChanges:
        """Return the ids whose labels differ from those in ``before``."""
        old, new = ({key: stage.label for key, stage in labels._stages.items()} for labels in (before, self))
        return LabelChanges(
            _differing(before.owners, self.owners),
            frozenset(key.stage_id for key in old.keys() | new.keys() if old.get(key) != new.get(key)),
            _differing(*({one.pipeline_id: one.label for one in labels.pipelines} for labels in (before, self))),
            _differing(before.properties, self.properties),
        )


def _differing(old: Mapping[Any, object], new: Mapping[Any, object]) -> frozenset[str]:
    return frozenset(key for key in old.keys() | new.keys() if key is not None and old.get(key) != new.get(key))
