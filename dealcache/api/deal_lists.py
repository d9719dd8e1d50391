"""The lists of deals and stages as the UI shows them: pure functions from stored values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, TypeVar

from dealcache.api.money import money
from dealcache.model.deals import Deal
from dealcache.model.labels import UNKNOWN_OWNER, Labels
from dealcache.model.pipelines import StageKey
from dealcache.model.timestamps import in_zone
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories import NO_CURRENCY, StageTotal

D = TypeVar("D")
Row = dict[str, Any]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Units of an age, largest first, in seconds.
_UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))

#: The most stages whose labels are remembered while a list is made; an account has some dozens.
_MOST_STAGES = 1_000

#: Activities of a deal that were not counted yet; only a deal whose events are incomplete may lack them.
_NOT_COUNTED = {"count": 0}

_NOTHING_OF_ALL = dict.fromkeys(("name", "createdate", "stage", "owner", "activities"))
_NOTHING_OF_STAGE = dict.fromkeys(
    ("Owner", "Amount", "Created_At", "Last_Update", "Expected_Close_Date", "Closed_Won", "Closed_Lost")
)


def written_day(moment: datetime | None, zone: tzinfo) -> str:
    """Return the day of ``moment`` in ``zone`` like ``Jan 10, 2026``, or ``Not set``; in English in any locale."""
    if moment is None:
        return "Not set"
    local = in_zone(moment, zone)
    return f"{_MONTHS[local.month - 1]} {local.day:02d}, {local.year}"


def ago(moment: datetime, now: datetime) -> str:
    """Return the age of ``moment`` like ``3 days ago``; ``just now`` within a minute."""
    seconds = int((now - moment).total_seconds())
    for unit, length in _UNITS:
        count = seconds // length
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def all_deals(labels: Labels, unreadable: UnreadableRecords) -> Callable[[Iterable[Mapping[str, Any]]], list[Row]]:
    """Return a function that makes rows of the list of all deals, batch by batch, with a running number."""
    stage_label = lru_cache(_MOST_STAGES)(labels.stage_label)
    owners = labels.owners
    place = -1

    def show(deal: Mapping[str, Any]) -> Row:
        get = deal.get
        created, activities = get("create_date"), get("activities", _NOT_COUNTED)
        return {
            "id": place,
            "deal_id": get("deal_id"),
            "name": get("deal_name"),
            "createdate": None if created is None else f"{created.isoformat(timespec='milliseconds')}Z",
            "stage": stage_label(get("pipeline_id"), get("stage_id"), get("stage")),
            "owner": owners.get(get("owner_id"), get("owner") or "") or UNKNOWN_OWNER,
            "activities": None if activities is None else activities["count"],
        }

    def otherwise(deal: Mapping[str, Any]) -> Row:
        return {"id": place, "deal_id": deal["deal_id"]} | _NOTHING_OF_ALL

    def rows(deals: Iterable[Mapping[str, Any]]) -> list[Row]:
        nonlocal place
        made = []
        for deal in deals:
            place += 1
            made.append(_shown(deal["deal_id"], deal, show, otherwise, unreadable))
        return made

    return rows


def _shown(
    deal_id: str, deal: D, show: Callable[[D], Row], otherwise: Callable[[D], Row], unreadable: UnreadableRecords
) -> Row:
    """Return a deal's row; if it cannot be shown, ``otherwise`` makes one, so that no other row is lost."""
    try:
        return show(deal)
    except Exception as error:  # noqa: BLE001 - the boundary around a record
        unreadable.note("deals", deal_id, f"a list cannot show it ({type(error).__name__})")
        return otherwise(deal)


def stage_deals(
    deals: Iterable[Deal], labels: Labels, zone: tzinfo, now: datetime, unreadable: UnreadableRecords
) -> list[Row]:
    """Return the rows of a stage's deals in the order given, formatted for people with the days of ``zone``."""

    def show(deal: Deal) -> Row:
        stage = labels.stage(deal.pipeline_id, deal.stage_id)
        return {
            "Deal_Name": deal.deal_name,
            "Owner": labels.owner_label(deal.owner_id, deal.owner),
            "Amount": money(deal.amount, deal.currency),
            "Created_At": written_day(deal.create_date, zone),
            "Last_Update": ago(deal.hubspot_updated_at, now),
            "Expected_Close_Date": written_day(deal.close_date, zone),
            "Closed_Won": _yes(stage is not None and stage.closed_won),
            "Closed_Lost": _yes(stage is not None and stage.closed_lost),
        }

    def otherwise(deal: Deal) -> Row:
        return {"Deal_Name": deal.deal_name} | _NOTHING_OF_STAGE

    return [_shown(deal.deal_id, deal, show, otherwise, unreadable) for deal in deals]


def _yes(holds: bool) -> str:
    return "Yes" if holds else "No"


def stage_list(labels: Labels) -> list[Row]:
    """Return all stages in use, pipeline by pipeline, in display order."""
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
        for pipeline, stage in labels.stages_in_use()
    ]


def pipeline_summary(
    totals: Sequence[StageTotal], labels: Labels, home_currency: Callable[[], str | None] = lambda: None
) -> list[Row]:
    """Return one line for each stage, most deals first, then by label or, without one, by id.

    Args:
        totals: the totals of stages, each currency apart.
        labels: the present labels.
        home_currency: returns the company's currency, in which deals without a currency are; None if it is not known.
    """
    home = (home_currency() or NO_CURRENCY) if any(one.currency for one in totals) else None
    in_several = len({one.currency or home for one in totals}) > 1
    lines: dict[StageKey | str | None, Row] = {}
    # In a fixed order, so that unchanged data has the same lines, sums and entity tag each time.
    for total in sorted(
        totals, key=lambda one: (one.pipeline_id or "", one.stage_id or "", one.currency or home or "")
    ):
        key = labels.stage_key(total.pipeline_id, total.stage_id)
        stage = labels.stage(total.pipeline_id, total.stage_id)
        label = total.label if stage is None else stage.label
        fresh = {"stage": label or total.stage_id or "", "count": 0, "amount": 0.0}
        line = lines.setdefault(total.stage_id if key is None else key, fresh)
        line["count"] += total.count
        line["amount"] += total.amount
        if in_several:
            amounts = line.setdefault("amounts", {})
            code = total.currency or home
            amounts[code] = amounts.get(code, 0.0) + total.amount
    return sorted(lines.values(), key=lambda line: (-line["count"], line["stage"]))
