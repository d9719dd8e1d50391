"""Turns HubSpot's JSON into the plain values of :mod:`dealcache.deals`. Pure.

Every property may be null, empty or absent (guides "Deals" and "Using object APIs" disagree about which), and all
values are strings. Owners, stages and pipelines appear as ids only; :mod:`dealcache.hubspot.labels` adds their names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from dealcache.deals import Deal, Event, Pipeline, Stage
from dealcache.hubspot.activities import ACTIVITY_TYPES, ActivityType
from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.html_text import clean, text_of
from dealcache.hubspot.moments import first_moment, moment
from dealcache.hubspot.shapes import Json, id_in, object_in, objects_in, text_in, whole_in


def deal_of(record: Json) -> Deal:
    """Return the deal that ``record`` describes.

    Raises:
        MalformedAnswer: it has no id, no time of change, or is no record at all.
    """
    properties = object_in(record, "properties")
    deal_id = id_in(record)
    return Deal(
        deal_id=deal_id,
        deal_name=text_in(properties, "dealname"),
        hubspot_updated_at=_updated_at(record, properties),
        owner_id=_optional(properties, "hubspot_owner_id"),
        stage_id=_optional(properties, "dealstage"),
        pipeline_id=_optional(properties, "pipeline"),
        amount=_number(text_in(properties, "amount")),
        create_date=first_moment((text_in(properties, "createdate"), text_in(record, "createdAt"))),
        close_date=moment(text_in(properties, "closedate")),
        archived=record.get("archived") is True,
        merged_ids=_merged_ids(properties, deal_id),
    )


def event_of(engagement_type: str, record: Json) -> Event:
    """Return the event that ``record``, an activity of ``engagement_type``, describes; its owner's name is empty.

    Raises:
        MalformedAnswer: it has no id or no time, or is no record at all.
    """
    kind = ACTIVITY_TYPES[engagement_type]
    properties = object_in(record, "properties")
    return Event(
        engagement_type=engagement_type,
        engagement_id=id_in(record),
        occurred_at=_occurred_at(record, properties, kind),
        type=_event_type(properties, kind),
        subject=clean(text_in(properties, kind.subject)) if kind.subject else "",
        content=_content(properties, kind),
        owner_id=_optional(properties, "hubspot_owner_id"),
        owner="",
        hubspot_updated_at=_updated_at(record, properties),
    )


def owners_of(owners: Iterable[Json]) -> dict[str, str | None]:
    """Return each owner's name by the owner's id: first and last name, else the e-mail address, else None."""
    return {id_in(owner): _owner_name(owner) for owner in owners}


def pipelines_of(pipelines: Iterable[Json]) -> tuple[Pipeline, ...]:
    """Return the pipelines in display order, each with its stages in display order."""
    found = [
        Pipeline(
            pipeline_id=id_in(pipeline),
            label=text_in(pipeline, "label"),
            display_order=whole_in(pipeline, "displayOrder"),
            stages=tuple(
                sorted(
                    (_stage(stage) for stage in objects_in(pipeline, "stages")),
                    key=lambda stage: (stage.display_order, stage.stage_id),
                )
            ),
            archived=pipeline.get("archived") is True,
        )
        for pipeline in pipelines
    ]
    return tuple(sorted(found, key=lambda pipeline: (pipeline.display_order, pipeline.pipeline_id)))


def _stage(stage: Json) -> Stage:
    metadata = object_in(stage, "metadata")
    return Stage(
        stage_id=id_in(stage),
        label=text_in(stage, "label"),
        display_order=whole_in(stage, "displayOrder"),
        probability=_number(text_in(metadata, "probability")),
        is_closed=text_in(metadata, "isClosed").strip().lower() == "true",
        archived=stage.get("archived") is True,
    )


def _owner_name(owner: Json) -> str | None:
    parts = (clean(text_in(owner, "firstName")), clean(text_in(owner, "lastName")))
    return " ".join(part for part in parts if part) or clean(text_in(owner, "email")) or None


def _occurred_at(record: Json, properties: Json, kind: ActivityType) -> datetime:
    names = ("hs_timestamp", *kind.times, "hs_createdate")
    candidates = (*(text_in(properties, name) for name in names), text_in(record, "createdAt"))
    return _required(first_moment(candidates), record, "time")


def _updated_at(record: Json, properties: Json) -> datetime:
    candidates = (
        text_in(properties, "hs_lastmodifieddate"),
        text_in(record, "updatedAt"),
        text_in(record, "createdAt"),
    )
    return _required(first_moment(candidates), record, "time of change")


def _required(found: datetime | None, record: Json, what: str) -> datetime:
    if found is None:
        raise MalformedAnswer(f"the record {_digits(id_in(record))} has no {what}")
    return found


def _digits(record_id: str) -> str:
    return record_id if record_id.isascii() and record_id.isdigit() else "without a proper id"


def _event_type(properties: Json, kind: ActivityType) -> str:
    told = text_in(properties, kind.told_by).strip() if kind.told_by else ""
    return kind.event_types.get(told, kind.event_type)


def _content(properties: Json, kind: ActivityType) -> str:
    texts = (text_of(text_in(properties, name)) for name in kind.content)
    return next((text for text in texts if text), "")


def _merged_ids(properties: Json, deal_id: str) -> tuple[str, ...]:
    parts = (part.strip() for part in text_in(properties, "hs_merged_object_ids").split(";"))
    return tuple(dict.fromkeys(part for part in parts if part and part != deal_id))


def _optional(properties: Json, name: str) -> str | None:
    return text_in(properties, name).strip() or None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads "1_000", HubSpot never writes it.
    return number if math.isfinite(number) and "_" not in text else None
