"""Puts the names of owners, stages and pipelines where HubSpot's records have ids. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dealcache.deals import Deal, Event, Pipeline, Stage


@dataclass(frozen=True, slots=True)
class Labels:
    """The names known at one moment.

    ``owners`` has each owner's name by the owner's id, None for an owner without any name.
    """

    owners: Mapping[str, str | None]
    pipelines: Sequence[Pipeline]

    def deal(self, deal: Deal) -> Deal:
        """Return ``deal`` with the names of its owner, stage and pipeline; None for each that is unknown."""
        pipeline = self._pipeline(deal.pipeline_id)
        stage = self._stage(deal)
        return replace(
            deal,
            owner=self.owners.get(deal.owner_id or ""),
            stage=stage.label if stage else None,
            pipeline=pipeline.label if pipeline else None,
        )

    def event(self, event: Event) -> Event:
        """Return ``event`` with its owner's name, ``""`` when unknown."""
        owner = self.owners.get(event.owner_id or "") or ""
        return replace(event, owner=owner) if owner != event.owner else event

    def lacks_an_owner(self, owner_ids: Iterable[str | None]) -> bool:
        """Whether one of ``owner_ids`` is unknown; None among them is nobody and counts as known."""
        return any(owner_id is not None and owner_id not in self.owners for owner_id in owner_ids)

    def lacks_a_stage(self, deals: Iterable[Deal]) -> bool:
        """Whether one of ``deals`` is in a pipeline or a stage that is unknown."""
        return any(
            (deal.pipeline_id is not None and self._pipeline(deal.pipeline_id) is None)
            or (deal.stage_id is not None and self._stage(deal) is None)
            for deal in deals
        )

    def _pipeline(self, pipeline_id: str | None) -> Pipeline | None:
        return next((one for one in self.pipelines if one.pipeline_id == pipeline_id), None)

    def _stage(self, deal: Deal) -> Stage | None:
        """The deal's stage: the pipeline matters when it is known, since two pipelines may use one stage id."""
        pipeline = self._pipeline(deal.pipeline_id)
        pipelines = self.pipelines if pipeline is None else (pipeline,)
        return next((stage for one in pipelines for stage in one.stages if stage.stage_id == deal.stage_id), None)
