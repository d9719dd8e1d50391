"""Maps HubSpot's JSON to the plain values of :mod:`dealcache.model.deals` and :mod:`dealcache.model.labels`. Pure.

Every property may be null, empty or absent (guides "Deals" and "Using object APIs" disagree about which), and all
values are strings. Owners, stages and pipelines appear as ids only; ``Labels`` has their names.

Records are written by strangers and by old imports. A value of the wrong kind counts as empty and does not affect the
rest of its record; each function appends the names of such values to ``unreadable``, if given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from dealcache.hubspot.activities import ACTIVITY_TYPES, ActivityType
from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.html_text import clean, shortened, text_of_html
from dealcache.hubspot.json_validation import LONGEST_ID, Fields, Json, id_in, usable_id, whole_in
from dealcache.model.currencies import currency_code
from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.deals import NO_PROPERTIES, Deal, Event
from dealcache.model.labels import Owner
from dealcache.model.pipelines import Pipeline, Stage

#: The most characters of an activity's text that are read.
_LONGEST_SOURCE = 16_000_000

#: The most characters of the list of ids that were merged into a deal; it must not be cut within an id.
_LONGEST_LIST = 1_000_000

#: The most options of a property that are kept, and the most characters of a label or of an option's value: together
#: they fit into a document of MongoDB.
_MOST_OPTIONS, _LONGEST_OPTION = 2_000, 500

_CURRENCY, _IN_HOME_CURRENCY = "deal_currency_code", "amount_in_home_currency"

#: The modification time of a record without one: every other version of it is newer.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

#: The longest text of an event, so that it fits into a document of MongoDB, 16 MiB, with what others write to it.
_MOST_CONTENT_BYTES = 12_000_000


def deal_of(record: Json, unreadable: list[str] | None = None, further: Collection[str] = ()) -> Deal:
    """Return the deal that ``record`` describes, as far as it can be read.

    Args:
        record: the deal's record.
        unreadable: receives the names of values that cannot be read.
        further: the properties to keep as they are; of each the first 65,536 characters, the most that HubSpot takes.

    Raises:
        MalformedAnswer: it has no id.
    """
    faults = [] if unreadable is None else unreadable
    fields = Fields(record, faults, "record")
    properties = fields.object("properties")
    deal_id = id_in(record)
    currency = _currency(properties, faults)
    return Deal(
        deal_id=deal_id,
        deal_name=properties.text("dealname"),
        hubspot_updated_at=_updated_at(fields, properties) or _NEVER,
        owner_id=properties.id("hubspot_owner_id"),
        stage_id=properties.id("dealstage"),
        pipeline_id=properties.id("pipeline"),
        amount=properties.number("amount"),
        create_date=properties.first_timestamp("createdate") or fields.first_timestamp("createdAt"),
        close_date=properties.first_timestamp("closedate"),
        archived=fields.flag("archived"),
        merged_ids=merged_ids(properties, deal_id),
        currency=currency,
        amount_in_home_currency=None if currency is None else properties.number(_IN_HOME_CURRENCY),
        properties=_texts(properties, further) if further else NO_PROPERTIES,
    )


def event_of(engagement_type: str, record: Json, unreadable: list[str] | None = None) -> Event:
    """Return the event that ``record``, an activity of ``engagement_type``, describes.

    Raises:
        MalformedAnswer: it has no id or no time at all.
    """
    faults = [] if unreadable is None else unreadable
    kind = ACTIVITY_TYPES[engagement_type]
    fields = Fields(record, faults, "record")
    properties = fields.object("properties")
    event_id = id_in(record)
    occurred_at = properties.first_timestamp("hs_timestamp", *kind.times, "hs_createdate")
    occurred_at = occurred_at or fields.first_timestamp("createdAt", "updatedAt")
    occurred_at = occurred_at or properties.first_timestamp("hs_lastmodifieddate")
    if occurred_at is None:
        raise MalformedAnswer("an activity has no time")
    return Event(
        engagement_type=engagement_type,
        engagement_id=event_id,
        occurred_at=occurred_at,
        type=_event_type(properties, kind),
        subject=_readable("subject", faults, lambda: _subject(properties, kind)),
        content=_readable("content", faults, lambda: _content(properties, kind)),
        owner_id=properties.id("hubspot_owner_id"),
        owner="",
        hubspot_updated_at=_updated_at(fields, properties) or _NEVER,
    )


def owner_of(owner: Json, unreadable: list[str] | None = None) -> Owner:
    """Return an owner, whose name is the first and last name, or else the e-mail address, or else None.

    Raises:
        MalformedAnswer: it has no id.
    """
    fields = Fields(owner, [] if unreadable is None else unreadable, "owner")
    name = full_name(fields, "firstName", "lastName", "email") or None
    return Owner(id_in(owner), name, fields.flag("archived"))


def full_name(fields: Fields, first: str, last: str, otherwise: str) -> str:
    """Return the two parts of a name, or else another field, or else ``""``; the arguments name the fields."""
    parts = (clean(fields.text(first)), clean(fields.text(last)))
    return " ".join(part for part in parts if part) or clean(fields.text(otherwise))


def pipeline_of(pipeline: Json, unreadable: list[str] | None = None) -> Pipeline:
    """Return a pipeline with its stages in display order; those without an id are left out.

    Raises:
        MalformedAnswer: it has no id.
    """
    faults = [] if unreadable is None else unreadable
    fields = Fields(pipeline, faults, "pipeline")
    stages = [_stage(one, faults) for one in fields.objects("stages")]
    found = [stage for stage in stages if stage is not None]
    return Pipeline(
        pipeline_id=id_in(pipeline),
        label=fields.text("label"),
        display_order=fields.whole("displayOrder"),
        stages=tuple(sorted(found, key=lambda stage: (stage.display_order, stage.stage_id))),
        archived=fields.flag("archived"),
    )


def definition_of(record: Json, unreadable: list[str] | None = None) -> PropertyDefinition:
    """Return the definition of a property, which has a name; of its options those that can be shown, in display order.

    An option keeps its first 500 characters, a property its first 2,000 options.
    """
    faults = [] if unreadable is None else unreadable
    fields = Fields(record, faults, "property")
    name = record["name"]
    options: dict[str, str] = {}
    for option in sorted(fields.objects("options"), key=_display_order):
        shown = Fields(option, faults, "option")
        value = shown.text("value", _LONGEST_OPTION)
        if value and len(options) < _MOST_OPTIONS:
            options.setdefault(value, clean(shown.text("label", _LONGEST_OPTION)) or value)
    return PropertyDefinition(
        name=name,
        label=clean(fields.text("label", _LONGEST_OPTION)) or name,
        type=fields.text("type", LONGEST_ID) or "string",
        field_type=fields.text("fieldType", LONGEST_ID),
        options=MappingProxyType(options),
    )


def _display_order(option: Json) -> tuple[bool, int]:
    """Return the place of an option; those without one, which HubSpot writes as -1, are the last."""
    place = whole_in(option, "displayOrder")
    return place < 0, place


def _stage(stage: Json, faults: list[str]) -> Stage | None:
    stage_id = usable_id(stage.get("id"))
    if stage_id is None:
        faults.append("stages")
        return None
    fields = Fields(stage, faults, "stage")
    metadata = fields.object("metadata")
    return Stage(
        stage_id=stage_id,
        label=fields.text("label"),
        display_order=fields.whole("displayOrder"),
        probability=metadata.number("probability"),
        is_closed=metadata.flag("isClosed"),
        archived=fields.flag("archived"),
    )


def _updated_at(fields: Fields, properties: Fields) -> datetime | None:
    changed = properties.first_timestamp("hs_lastmodifieddate") or fields.first_timestamp("updatedAt", "createdAt")
    return changed or properties.first_timestamp("createdate", "hs_createdate")


def _event_type(properties: Fields, kind: ActivityType) -> str:
    subtype = properties.text(kind.subtype_property).strip() if kind.subtype_property else ""
    return kind.event_types.get(subtype, kind.event_type)


def _subject(properties: Fields, kind: ActivityType) -> str:
    return clean(properties.text(kind.subject)) if kind.subject else ""


def _content(properties: Fields, kind: ActivityType) -> str:
    for name in kind.content:
        value = properties.text(name, _LONGEST_SOURCE)
        if text := clean(value) if name in kind.plain_text else text_of_html(value):
            return shortened(text, _MOST_CONTENT_BYTES)
    return ""


def _readable(name: str, faults: list[str], read: Callable[[], str]) -> str:
    """Return the result of ``read``, ``""`` if it fails, so that there is an event whatever a stranger wrote."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - the boundary around a record; the fault is logged with its id
        faults.append(name)
        return ""


def _texts(properties: Fields, names: Collection[str]) -> Mapping[str, str]:
    texts = ((name, properties.text(name)) for name in names)
    return MappingProxyType({name: text for name, text in texts if text})


def _currency(properties: Fields, faults: list[str]) -> str | None:
    text = properties.text(_CURRENCY)
    code = currency_code(text)
    if code is None and text.strip():
        faults.append(_CURRENCY)
    return code


def merged_ids(properties: Fields, record_id: str) -> tuple[str, ...]:
    """Return the ids of the records that were merged into one, without its own."""
    parts = (usable_id(part) for part in properties.text("hs_merged_object_ids", _LONGEST_LIST).split(";"))
    return tuple(dict.fromkeys(part for part in parts if part is not None and part != record_id))
