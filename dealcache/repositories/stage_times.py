"""The field ``stage_times`` of documents of deals: when each was in which stage, as far as HubSpot keeps it.

A list of documents rather than one document, because ids of stages may hold what names of fields may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dealcache.model.deals import Deal
from dealcache.model.stage_history import StageTime, current_entry
from dealcache.repositories.documents import Document, any_date, milliseconds

#: The projection for :func:`stage_times_in`; most databases have nothing of that name.
STAGE_TIMES: Document = {"stage_times": 1}


def stage_fields(deal: Deal) -> Document:
    """Return the field of a deal whose times were read; nothing for any other."""
    if deal.stage_times is None:
        return {}
    ordered = sorted(deal.stage_times, key=lambda one: one.stage_id)
    return {"stage_times": [_document_of(one) for one in ordered]}


def _document_of(time: StageTime) -> Document:
    exited_at = None if time.exited_at is None else milliseconds(time.exited_at)
    return {"stage_id": time.stage_id, "entered_at": milliseconds(time.entered_at), "exited_at": exited_at}


def stage_times_in(document: Mapping[str, Any]) -> tuple[StageTime, ...] | None:
    """Return the times in a document of a deal, those that can be read; None if it has none."""
    held = document.get("stage_times")
    return _times_in(held) if isinstance(held, list) else None


def current_entry_in(document: Mapping[str, Any]) -> datetime | None:
    """Return when a deal entered the stage that it is in, from its document; None if that is not known.

    Only that stage is read: a list shows no other.
    """
    held, stage_id = document.get("stage_times"), document.get("stage_id")
    if not isinstance(held, list) or not isinstance(stage_id, str):
        return None
    of_stage = [one for one in held if isinstance(one, dict) and one.get("stage_id") == stage_id]
    return current_entry(_times_in(of_stage), stage_id)


def _times_in(held: Sequence[Any]) -> tuple[StageTime, ...]:
    found: dict[str, StageTime] = {}
    for one in held:
        stage_id = one.get("stage_id") if isinstance(one, dict) else None
        entered_at = any_date(one.get("entered_at")) if isinstance(stage_id, str) else None
        if isinstance(stage_id, str) and entered_at is not None:
            found[stage_id] = StageTime(stage_id, entered_at, any_date(one.get("exited_at")))
    return tuple(found.values())
