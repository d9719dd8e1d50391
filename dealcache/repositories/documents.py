"""Between values and documents: which fields come from HubSpot, and how a document is read back.

BSON dates hold milliseconds, which is HubSpot's precision too; finer values are cut, never rounded up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from dealcache.deals import FOREIGN_FIELDS, Deal, Event, Pipeline, Stage, name_key
from dealcache.repositories.errors import StoreError

T = TypeVar("T")

#: A document as MongoDB holds it.
Document = dict[str, Any]

_DEAL_FIELDS = (
    "deal_id",
    "deal_name",
    "hubspot_updated_at",
    "owner_id",
    "owner",
    "stage_id",
    "stage",
    "pipeline_id",
    "pipeline",
    "amount",
    "create_date",
    "close_date",
    "archived",
    "merged_ids",
)
_DEAL_DATES = ("hubspot_updated_at", "create_date", "close_date")
_EVENT_FIELDS = (
    "engagement_type",
    "engagement_id",
    "occurred_at",
    "type",
    "subject",
    "content",
    "owner_id",
    "owner",
    "hubspot_updated_at",
)

#: What is read of a deal and of an event, and nothing more.
DEAL_PROJECTION = {"_id": 0, "timeline_synced_at": 1} | dict.fromkeys(_DEAL_FIELDS, 1)
EVENT_PROJECTION = {"_id": 0} | dict.fromkeys((*_EVENT_FIELDS, *FOREIGN_FIELDS), 1)

#: What is read of a stored document to compare it with what HubSpot gave.
COMPARED_DEAL = dict.fromkeys((*_DEAL_FIELDS, "deal_name_key", "archived_at", "synced_at"), 1)
COMPARED_EVENT = dict.fromkeys(("deal_id", *_EVENT_FIELDS, "synced_at"), 1)

#: All that this service itself writes to an event's document; what else is there belongs to others.
OWN_EVENT_FIELDS = frozenset(("_id", *COMPARED_EVENT))

#: An engagement's type and id; the id alone is unique only within its type.
EngagementKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredDeal:
    """A deal as MongoDB knows it.

    ``timeline_synced_at`` is when HubSpot was asked for the events that MongoDB holds; None when it never was, so that
    "no activities" and "activities never fetched" can be told apart.
    """

    deal: Deal
    timeline_synced_at: datetime | None


def milliseconds(moment: datetime) -> datetime:
    """``moment`` as a document holds it, for comparing it with one that was read back."""
    finer = moment.microsecond % 1000
    # HubSpot's own moments have none, and there are two of them in every event.
    return moment.replace(microsecond=moment.microsecond - finer) if finer else moment


def utc(moment: datetime | None) -> datetime | None:
    """A date as the driver gave it, in UTC with or without saying so, as an aware one of the standard library."""
    return None if moment is None else moment.replace(tzinfo=UTC)


def deal_fields(deal: Deal) -> Document:
    """The fields of ``deal_info`` that come from HubSpot."""
    fields: Document = {name: getattr(deal, name) for name in _DEAL_FIELDS}
    for name in _DEAL_DATES:
        fields[name] = None if fields[name] is None else milliseconds(fields[name])
    fields["deal_name_key"] = name_key(deal.deal_name)
    fields["merged_ids"] = list(deal.merged_ids)
    return fields


def to_stored_deal(document: Mapping[str, Any]) -> StoredDeal:
    """A document of ``deal_info`` as a value. Only the three fields without a default must be there."""
    values = {name: document[name] for name in _DEAL_FIELDS if name in document}
    for name in _DEAL_DATES:
        if name in values:
            values[name] = utc(values[name])
    values["merged_ids"] = tuple(values.get("merged_ids") or ())
    return StoredDeal(Deal(**values), utc(document.get("timeline_synced_at")))


def event_fields(deal_id: str, event: Event) -> Document:
    """The fields of ``deal_timeline`` that come from HubSpot: never ``event.extra``."""
    fields: Document = {name: getattr(event, name) for name in _EVENT_FIELDS}
    fields["deal_id"] = deal_id
    fields["occurred_at"] = milliseconds(event.occurred_at)
    fields["hubspot_updated_at"] = milliseconds(event.hubspot_updated_at)
    return fields


def to_event(document: Mapping[str, Any]) -> Event:
    """A document of ``deal_timeline`` as a value. Positional arguments, because this runs for every event read."""
    return Event(
        document["engagement_type"],
        document["engagement_id"],
        document["occurred_at"].replace(tzinfo=UTC),
        document["type"],
        document["subject"],
        document["content"],
        document["owner_id"],
        document["owner"],
        document["hubspot_updated_at"].replace(tzinfo=UTC),
        foreign_fields(document),
    )


def foreign_fields(document: Mapping[str, Any]) -> Document:
    """What other systems have written to an event's document; only what is there."""
    return {name: document[name] for name in FOREIGN_FIELDS if name in document}


def pipeline_fields(pipeline: Pipeline) -> Document:
    """The fields of ``pipelines`` that come from HubSpot."""
    return {
        "pipeline_id": pipeline.pipeline_id,
        "label": pipeline.label,
        "display_order": pipeline.display_order,
        "archived": pipeline.archived,
        "stages": [{name: getattr(stage, name) for name in Stage.__dataclass_fields__} for stage in pipeline.stages],
    }


def to_pipeline(document: Mapping[str, Any]) -> Pipeline:
    """A document of ``pipelines`` as a value."""
    return Pipeline(
        pipeline_id=document["pipeline_id"],
        label=document["label"],
        display_order=document["display_order"],
        stages=tuple(Stage(**stage) for stage in document["stages"]),
        archived=document["archived"],
    )


def read_all(
    collection: str, convert: Callable[[Mapping[str, Any]], T], documents: Iterable[Mapping[str, Any]]
) -> list[T]:
    """``documents`` as values.

    Args:
        collection: where they come from, for the message.
        convert: one of the functions above.
        documents: what MongoDB gave.

    Raises:
        StoreError: one of them lacks a field or holds something else in it, so that it was not written by this service.
    """
    try:
        return [convert(document) for document in documents]
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"a document in {collection} cannot be read: {type(error).__name__} {error}") from error
