"""The lists of deals and stages as the UI shows them: pure functions from stored values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from dealcache.deals import Deal, Pipeline, Stage
from dealcache.reader.views import timestamp

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Units of an age, largest first, in seconds.
_UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))


def money(amount: float | None) -> str:
    """An amount like ``$1,500.00``, or ``Not specified``."""
    if amount is None:
        return "Not specified"
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def written_day(moment: datetime | None, zone: tzinfo) -> str:
    """The day of ``moment`` in ``zone`` like ``Jan 10, 2026``, or ``Not set``. English whatever the locale."""
    if moment is None:
        return "Not set"
    local = moment.astimezone(zone)
    return f"{_MONTHS[local.month - 1]} {local.day:02d}, {local.year}"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago ``moment`` was, like ``3 days ago``; ``just now`` within a minute."""
    seconds = int((now - moment).total_seconds())
    for unit, length in _UNITS:
        count = seconds // length
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def all_deals(deals: Iterable[Deal], activities: Mapping[str, int]) -> list[dict[str, Any]]:
    """The list of all deals, in the order given; ``activities`` tells how many each has."""
    return [
        {
            "id": place,
            "deal_id": deal.deal_id,
            "name": deal.deal_name,
            "createdate": timestamp(deal.create_date) if deal.create_date else None,
            "stage": deal.stage or deal.stage_id or "",
            "owner": deal.owner or "Unknown Owner",
            "activities": activities.get(deal.deal_id, 0),
        }
        for place, deal in enumerate(deals)
    ]


def stage_deals(
    deals: Iterable[Deal], stages: Mapping[str, Stage], zone: tzinfo, now: datetime
) -> list[dict[str, Any]]:
    """The deals of a stage, formatted for people.

    Args:
        deals: the deals, in the order to show.
        stages: all stages by id, which tell what is won and what is lost.
        zone: the zone whose days are shown.
        now: what "3 days ago" counts from.
    """
    return [
        {
            "Deal_Name": deal.deal_name,
            "Owner": deal.owner or "Unknown Owner",
            "Amount": money(deal.amount),
            "Created_At": written_day(deal.create_date, zone),
            "Last_Update": ago(deal.hubspot_updated_at, now),
            "Expected_Close_Date": written_day(deal.close_date, zone),
            "Closed_Won": _yes(deal, stages, "closed_won"),
            "Closed_Lost": _yes(deal, stages, "closed_lost"),
        }
        for deal in deals
    ]


def _yes(deal: Deal, stages: Mapping[str, Stage], outcome: str) -> str:
    stage = stages.get(deal.stage_id or "")
    return "Yes" if stage is not None and getattr(stage, outcome) else "No"


def stages_by_id(pipelines: Iterable[Pipeline]) -> dict[str, Stage]:
    """All stages of all pipelines by their id."""
    return {stage.stage_id: stage for pipeline in pipelines for stage in pipeline.stages}


def stage_ids(pipelines: Iterable[Pipeline], wanted: str) -> list[str]:
    """The ids of the stages that ``wanted`` names, by label in any case or by id."""
    label = wanted.strip().casefold()
    return [
        stage_id
        for stage_id, stage in stages_by_id(pipelines).items()
        if stage_id == wanted.strip() or stage.label.strip().casefold() == label
    ]


def stage_name(pipelines: Collection[Pipeline], wanted: str) -> str | None:
    """One name for all the ways to name a stage: its label as HubSpot writes it. None when there is no such stage.

    Where that label would stand for other stages than ``wanted`` does (an id, say, of one of two stages that bear it),
    it stays what it is.
    """
    chosen = stage_ids(pipelines, wanted)
    if not chosen:
        return None
    label = stages_by_id(pipelines)[chosen[0]].label.strip()
    return label if label and stage_ids(pipelines, label) == chosen else wanted.strip()


def stage_labels(pipelines: Iterable[Pipeline]) -> list[str]:
    """The labels of all stages that are in use; with the pipeline's where several stages bear the same one."""
    rows = stage_list(pipelines)
    bearers = Counter(row["stage_name"].strip().casefold() for row in rows)
    return [
        f"{row['stage_name']} ({row['pipeline']})"
        if bearers[row["stage_name"].strip().casefold()] > 1
        else row["stage_name"]
        for row in rows
    ]


def stage_list(pipelines: Iterable[Pipeline]) -> list[dict[str, Any]]:
    """All stages that are in use, pipeline by pipeline, in display order."""
    ordered = sorted(pipelines, key=lambda pipeline: (pipeline.display_order, pipeline.pipeline_id))
    return [
        {
            "stage_name": stage.label,
            "stage_id": stage.stage_id,
            "pipeline": pipeline.label,
            "display_order": stage.display_order,
            "probability": stage.probability,
            "closed_won": "true" if stage.closed_won else "false",
            "closed_lost": stage.closed_lost,
        }
        for pipeline in ordered
        for stage in sorted(pipeline.stages, key=lambda stage: (stage.display_order, stage.stage_id))
        if not (pipeline.archived or stage.archived)
    ]
