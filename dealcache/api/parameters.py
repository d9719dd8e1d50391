"""What requests may carry, as marshmallow schemas: read by a strict parser, shown in the OpenAPI description."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import marshmallow as ma
from flask import Request
from flask_smorest import Blueprint
from webargs.fields import DelimitedList
from webargs.flaskparser import FlaskParser

from dealcache.api import query
from dealcache.api.access import TRUTHY
from dealcache.deals import EVENT_TYPES
from dealcache.reader.timeline_filter import CURSOR_PATTERN, TimelineFilter

_FALSY = {"false", "False"}
#: The rules of :func:`dealcache.api.query.deal_name`, as far as a regular expression of JSON Schema can say them.
NAME_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"


class Repeatable(ma.fields.List[Any]):
    """A parameter that may be given several times, which makes a list; other parameters may not."""


class StrictParser(FlaskParser):
    """Reads query strings with :func:`dealcache.api.query.parse_query`; unknown parameters are ignored."""

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The parameters, decoded strictly; what cannot be decoded is a validation error of its field."""
        try:
            parsed = query.parse_query(req.environ.get("QUERY_STRING", ""))
        except query.InvalidQueryError as error:
            raise ma.ValidationError(dict(error.errors)) from error
        lists = {name for name, field in schema.fields.items() if isinstance(field, Repeatable)}
        repeated = parsed.repeated.keys() & schema.fields.keys() - lists
        if repeated:
            raise ma.ValidationError({name: ["Give this parameter once."] for name in sorted(repeated)})
        given = {name: [parsed.values[name], *parsed.repeated.get(name, ())] for name in lists & parsed.values.keys()}
        return {**parsed.values, **given}


class StrictBlueprint(Blueprint):
    """A blueprint whose parameters are read strictly."""

    ARGUMENTS_PARSER = StrictParser()


def rule(check: Callable[[str], str]) -> Callable[[str], None]:
    """A validator from a function that raises ValueError, with a sentence, for what it does not take."""

    def validate(text: str) -> None:
        try:
            check(text)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from error

    return validate


def pattern(text: str, message: str) -> Callable[[str], None]:
    """A validator that says ``message`` about what the regular expression ``text`` does not fit."""
    compiled = re.compile(text)

    def validate(value: str) -> None:
        if not compiled.fullmatch(value):
            raise ma.ValidationError(message)

    return validate


class Day(ma.fields.String):
    """A day as ``YYYY-MM-DD``, and nothing else that Python would take for a date."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ma.ValidationError("Must be a day, YYYY-MM-DD.")
        try:
            date.fromisoformat(text)
        except ValueError as error:
            raise ma.ValidationError("There is no such day.") from error
        return text


class Count(ma.fields.Integer):
    """A whole number in plain digits: no sign, space, underscore or foreign digits, which ``int`` would take."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise ma.ValidationError("Must be a whole number.")
        return super()._deserialize(value, attr, data, **kwargs)


def boolean(description: str) -> ma.fields.Boolean:
    """``true`` or ``false``."""
    return ma.fields.Boolean(truthy=set(TRUTHY), falsy=_FALSY, metadata={"description": description})


class OptionalDealQuery(ma.Schema):
    """Names a deal, or none."""

    dealName = ma.fields.String(
        validate=rule(query.deal_name),
        metadata={
            "description": "The deal's name, in any case; surrounding white space does not count.",
            "pattern": NAME_PATTERN,
            "maxLength": query.NAME_LENGTH,
            "example": "Acme renewal",
        },
    )
    dealId = ma.fields.String(
        validate=rule(query.deal_id),
        metadata={
            "description": "HubSpot's id of the deal, instead of its name; it goes before `dealName`.",
            "pattern": "^[0-9]{1,20}$",
        },
    )

    @ma.post_load
    def add_key(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Add ``key``, which deal is named, or None."""
        return {**data, "key": query.deal_key(data)}


class DealQuery(OptionalDealQuery):
    """Names a deal."""

    @ma.validates_schema
    def one_of_both(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """One of the two ways to name a deal must be there."""
        if "dealName" not in data and "dealId" not in data:
            raise ma.ValidationError("Give dealName or dealId.", "dealName")


class LiveQuery(ma.Schema):
    """Names the deals that a client wants to hear of."""

    dealName = Repeatable(
        ma.fields.String(
            validate=rule(query.deal_name), metadata={"pattern": NAME_PATTERN, "maxLength": query.NAME_LENGTH}
        ),
        metadata={"description": "Only deals of this name, in any case; may be repeated. Without it: all deals."},
    )


class RefreshQuery(ma.Schema):
    """Asks for a fresh copy."""

    refresh = boolean("Ask HubSpot, and write the result through all tiers.")


class TimelineQuery(ma.Schema):
    """Asks for a part of a timeline."""

    types = DelimitedList(
        ma.fields.String(validate=ma.validate.OneOf(EVENT_TYPES, error="Must be one of: {choices}.")),
        metadata={"description": "Only events of these types, comma-separated."},
    )
    since = Day(metadata={"description": "The first day, in the timeline's zone.", "format": "date"})
    until = Day(metadata={"description": "The last day, included.", "format": "date"})
    limit = Count(
        validate=ma.validate.Range(min=1, max=1000),
        metadata={"description": "How many events at most; the whole timeline without it."},
    )
    cursor = ma.fields.String(
        metadata={"description": "`next_cursor` of the page before.", "pattern": CURSOR_PATTERN},
    )

    @ma.post_load
    def add_filter(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Add ``filter``, the wanted part."""
        names = ("since", "until", "limit", "cursor")
        wanted = TimelineFilter(
            types=frozenset(data.get("types", ())), **{name: data[name] for name in names if name in data}
        )
        return {**data, "filter": wanted}


class DealRead(DealQuery, RefreshQuery):
    """The parameters of a read through the tiers."""


class TimelineRead(DealQuery, RefreshQuery, TimelineQuery):
    """The parameters of a timeline through the tiers."""


class StoredTimelineRead(DealQuery, TimelineQuery):
    """The parameters of a timeline from MongoDB."""


class StatsQuery(ma.Schema):
    """Narrows the list of cached entries, and says whose they are."""

    limit = Count(
        validate=ma.validate.Range(min=0, max=100_000),
        load_default=1000,
        metadata={"description": "How many entries to list at most."},
    )
    prefix = ma.fields.String(load_default="", metadata={"description": "Only keys that begin with this."})
    scope = ma.fields.String(
        validate=ma.validate.OneOf(["group", "worker"], error="Must be one of: {choices}."),
        load_default="group",
        metadata={"description": "`group`: all workers of all instances; `worker`: the one that answers, alone."},
    )


class StageQuery(ma.Schema):
    """Names a stage."""

    stage = ma.fields.String(
        required=True,
        validate=pattern(r"(?s).{1,512}", "Must have 1 to 512 characters."),
        metadata={"description": "A stage's label in any case, or its id.", "minLength": 1, "maxLength": 512},
    )
