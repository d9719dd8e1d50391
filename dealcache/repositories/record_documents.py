"""Documents read back as values, one by one, so that one that other systems have damaged does not affect the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from dealcache.model.currencies import currency_code
from dealcache.model.deals import EVENT_TYPE_OF, FOREIGN_FIELDS, Deal, Event
from dealcache.model.labels import Owner
from dealcache.model.people import Participants
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.model.timestamps import with_zone
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.connection import StoreError
from dealcache.repositories.deal_properties import property_texts
from dealcache.repositories.documents import (
    DEAL_DATES,
    DEAL_FIELDS,
    EVENT_FIELDS,
    FORMER_LABELS,
    OPTIONAL_FIELDS,
    Document,
    StoredDeal,
    any_date,
    texts_in,
)
from dealcache.repositories.json_values import date_value, integer_value, json_value, number_value, text_value
from dealcache.repositories.stage_times import stage_times_in

T = TypeVar("T")

#: The fields of a deal that every document has.
_NEEDED_OF_DEAL = frozenset(("deal_id", "deal_name", "hubspot_updated_at"))

#: The time of a record without one, and the type of an event whose activity's type is unknown.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_PLAINEST = "Note"

_EVENT_DATES = ("occurred_at", "hubspot_updated_at")
_EVENT_TEXTS = tuple(name for name in EVENT_FIELDS if name not in _EVENT_DATES)

#: How many fields of an event's document are this service's own, including the deal's id.
_OWN_FIELDS = len(EVENT_FIELDS) + 1


def read_deal(document: Mapping[str, Any]) -> tuple[StoredDeal, list[str]]:
    """Return a document of ``deal_info`` as a value, and the names of the fields that cannot be read.

    Only the three fields without a default must be present.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, (kinds, read) in _DEAL_TYPES.items():
        value = document.get(name)
        if type(value) in kinds:
            values[name] = value
        elif value is not None or name in _NEEDED_OF_DEAL:
            values[name] = read(value)
            faults.append(name)
    values["merged_ids"] = tuple(values.get("merged_ids") or ())
    values["archived"] = bool(values.get("archived"))
    if "currency" in values and currency_code(values["currency"]) is None:
        values["currency"] = None
        faults.append("currency")
    for name in DEAL_DATES:
        values[name] = any_date(values.get(name))
    if "properties" in document:
        values["properties"] = property_texts(document)
    if "stage_times" in document:
        values["stage_times"] = stage_times_in(document)
    synced_at, complete_as_of = any_date(document.get("timeline_synced_at")), any_date(document.get("complete_as_of"))
    return StoredDeal(Deal(**values), synced_at, complete_as_of, is_followed(document), _participants(document)), faults


def is_followed(document: Mapping[str, Any]) -> bool:
    """Return True unless a sync has found changes of the deal that it could not read."""
    return "unread_types" not in document and "missed_at" not in document


def read_event(document: Mapping[str, Any]) -> tuple[Event, Sequence[str]]:
    """Return a document of ``deal_timeline`` as a value, and the names of the fields that cannot be read.

    Dates are naive. Positional arguments and few checks, because this runs for every event.
    """
    try:
        event_type, subject, content, owner = (
            document["type"],
            document["subject"],
            document["content"],
            document["owner"],
        )
        engagement_id, owner_id = document["engagement_id"], document["owner_id"]
        if not (type(subject) is type(content) is type(owner) is type(event_type) is type(engagement_id) is str):
            return _mended_event(document)
        if owner_id is not None and type(owner_id) is not str:
            return _mended_event(document)
        further = len(document) > _OWN_FIELDS
        event = Event(
            document["engagement_type"],
            engagement_id,
            with_zone(document["occurred_at"]),
            event_type,
            subject,
            content,
            owner_id,
            owner,
            with_zone(document["hubspot_updated_at"]),
            # These are the last of all fields that are read; most documents have none of them.
            foreign_fields(document) if further else {},
            _participants(document) if further else None,
        )
    except (KeyError, TypeError, AttributeError):
        return _mended_event(document)
    return event, ()


def _mended_event(document: Mapping[str, Any]) -> tuple[Event, list[str]]:
    """Do what :func:`read_event` does for a document that this service has not written."""
    texts: dict[str, Any] = {name: text_value(document.get(name)) for name in _EVENT_TEXTS}
    texts["type"] = texts["type"] or EVENT_TYPE_OF.get(texts["engagement_type"], _PLAINEST)
    texts["owner_id"] = texts["owner_id"] or None
    updated_at = date_value(document.get("hubspot_updated_at"))
    event = Event(
        **texts,
        occurred_at=date_value(document.get("occurred_at")) or updated_at or _NEVER,
        hubspot_updated_at=updated_at or _NEVER,
        extra=foreign_fields(document),
        participants=_participants(document),
    )
    owned = document.get("owner_id", "") is not None
    needed = [name for name in _EVENT_TEXTS if owned or name != "owner_id"]
    faults = [name for name in _EVENT_DATES if not isinstance(document.get(name), datetime)]
    return event, faults + [name for name in needed if not isinstance(document.get(name), str)]


def _participants(document: Mapping[str, Any]) -> Participants:
    return tuple(texts_in(document["with"])) if "with" in document else None


def foreign_fields(document: Mapping[str, Any]) -> Document:
    """Return the fields of other systems in an event's document, as JSON; only those that are there."""
    return {name: json_value(document[name]) for name in FOREIGN_FIELDS if name in document}


def read_owner(document: Mapping[str, Any]) -> tuple[Owner, list[str]]:
    """Return a document of ``owners`` as a value, and the names of the fields that cannot be read."""
    kinds = {"owner_id": str, "name": str | None}
    faults = [name for name, kind in kinds.items() if not isinstance(document.get(name), kind)]
    name = text_value(document.get("name")) or None
    return Owner(text_value(document.get("owner_id")), name, document.get("archived") is True), faults


def read_pipeline(document: Mapping[str, Any]) -> tuple[Pipeline, list[str]]:
    """Return a document of ``pipelines`` as a value, and the names of the fields that cannot be read."""
    stages = document.get("stages")
    listed = [one for one in stages if isinstance(one, Mapping)] if isinstance(stages, list) else []
    named = [one for one in listed if text_value(one.get("stage_id"))]
    pipeline = Pipeline(
        pipeline_id=text_value(document.get("pipeline_id")),
        label=text_value(document.get("label")),
        display_order=integer_value(document.get("display_order")) or 0,
        stages=tuple(_stage(one) for one in named),
        archived=document.get("archived") is True,
    )
    odd = [name for name in ("pipeline_id", "label") if not isinstance(document.get(name), str)]
    return pipeline, odd + (["stages"] if not isinstance(stages, list) or len(named) < len(stages) else [])


def _stage(document: Mapping[str, Any]) -> Stage:
    return Stage(
        stage_id=text_value(document.get("stage_id")),
        label=text_value(document.get("label")),
        display_order=integer_value(document.get("display_order")) or 0,
        probability=number_value(document.get("probability")),
        is_closed=document.get("is_closed") is True,
        archived=document.get("archived") is True,
        property_suffix=text_value(document.get("property_suffix")) or None,
    )


#: The types of a field of a deal's document, and the function that reads a value of any other type.
_TEXT = ((str,), text_value)
_TEXT_OR_NONE = ((str,), lambda value: text_value(value) or None)
_DEAL_TYPES: Mapping[str, tuple[tuple[type, ...], Callable[[Any], Any]]] = dict.fromkeys(
    (*DEAL_FIELDS, *OPTIONAL_FIELDS, *FORMER_LABELS), _TEXT_OR_NONE
) | {
    "deal_id": _TEXT,
    "deal_name": _TEXT,
    "hubspot_updated_at": ((datetime,), lambda value: date_value(value) or _NEVER),
    "create_date": ((datetime,), date_value),
    "close_date": ((datetime,), date_value),
    "amount": ((float, int), number_value),
    "amount_in_home_currency": ((float, int), number_value),
    "archived": ((bool,), lambda value: value == "true"),
    "merged_ids": ((list,), texts_in),
}


class Kind(NamedTuple, Generic[T]):
    """The conversion of documents of one collection to values.

    Args:
        read: returns a document as a value, as far as it can be read, and the names of the fields that cannot.
        identify: returns the type and the id by which a document is reported.
    """

    read: Callable[[Mapping[str, Any]], tuple[T, Sequence[str]]]
    identify: Callable[[Mapping[str, Any]], tuple[object, object]]


DEALS = Kind(read_deal, lambda document: ("deals", document.get("deal_id")))
EVENTS = Kind(read_event, lambda document: (document.get("engagement_type"), document.get("engagement_id")))
OWNERS = Kind(read_owner, lambda document: ("owners", document.get("owner_id")))
PIPELINES = Kind(read_pipeline, lambda document: ("pipelines", document.get("pipeline_id")))


def read_records(kind: Kind[T], documents: Iterable[Mapping[str, Any]], unreadable: UnreadableRecords) -> list[T]:
    """Return ``documents`` as values; one that another system has damaged does not affect the others.

    Args:
        kind: the conversion of their collection.
        documents: the documents.
        unreadable: counts those that cannot be read completely.
    """
    read = kind.read
    values: list[T] = []
    for document in documents:
        value, faults = read(document)
        values.append(value)
        if faults:
            unreadable.note(*kind.identify(document), f"its document in MongoDB is damaged: {', '.join(faults)}")
    return values


def read_all(
    collection: str, convert: Callable[[Mapping[str, Any]], T], documents: Iterable[Mapping[str, Any]]
) -> list[T]:
    """Return ``documents`` of a collection that only this service writes, as values.

    Raises:
        StoreError: a field of a document is missing or invalid, so this service has not written it.
    """
    try:
        return [convert(document) for document in documents]
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"a document in {collection} cannot be read: {type(error).__name__} {error}") from error
