"""The parameters of requests as marshmallow schemas: read strictly, shown in the OpenAPI description."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import marshmallow as ma
from webargs.fields import DelimitedList

from dealcache.api import query
from dealcache.api.access import TRUTHY
from dealcache.api.exports import export_format
from dealcache.api.strict_blueprint import QuerySchema, Repeatable
from dealcache.model.deals import EVENT_TYPES
from dealcache.reader.timeline_filter import CURSOR_PATTERN, TimelineFilter

_FALSY = {"false", "False"}
#: The rules of ``deal_name``, as far as a regular expression of JSON Schema can express them.
NAME_PATTERN = (
    r"^[\t-\r ]*[^\u0000-\u001f\u007f-\u009f]*"
    r"[^\s\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2060\ufeff]"
    r"[^\u0000-\u001f\u007f-\u009f]*[\t-\r ]*$"
)


def rule(check: Callable[[str], str]) -> Callable[[str], None]:
    """Return a validator made of a function that raises ValueError, with a sentence, for an invalid text."""

    def validate(text: str) -> None:
        try:
            check(text)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from error

    return validate


class Day(ma.fields.String):
    """A day as ``YYYY-MM-DD``; other forms that Python accepts are refused."""

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
    """A whole number in plain digits: no sign, space, underscore or foreign digits, which ``int`` would accept."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise ma.ValidationError("Must be a whole number.")
        return super()._deserialize(value, attr, data, **kwargs)


def boolean(description: str) -> ma.fields.Boolean:
    """Return a field that holds ``true`` or ``false``."""
    return ma.fields.Boolean(truthy=set(TRUTHY), falsy=_FALSY, metadata={"description": description})


class OptionalDealQuery(QuerySchema):
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

    def completed(self, loaded: dict[str, Any]) -> dict[str, Any]:
        """Add ``key``: the named deal, or None."""
        return super().completed({**loaded, "key": query.deal_key(loaded)})


class DealQuery(OptionalDealQuery):
    """Names a deal."""

    def completed(self, loaded: dict[str, Any]) -> dict[str, Any]:
        """Require one of the two ways to name a deal."""
        if "dealName" not in loaded and "dealId" not in loaded:
            raise ma.ValidationError({"dealName": ["Give dealName or dealId."]})
        return super().completed(loaded)


class LiveQuery(ma.Schema):
    """Names the deals to subscribe to."""

    dealName = Repeatable(
        ma.fields.String(
            validate=rule(query.deal_name), metadata={"pattern": NAME_PATTERN, "maxLength": query.NAME_LENGTH}
        ),
        metadata={"description": "Only deals of this name, in any case; may be repeated. Without it: all deals."},
    )


class RefreshQuery(QuerySchema):
    """Asks for a fresh copy."""

    refresh = boolean("Ask HubSpot, and write the result through all tiers.")


class TimelineQuery(QuerySchema):
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

    format = export_format()

    def completed(self, loaded: dict[str, Any]) -> dict[str, Any]:
        """Add ``filter``: the part of the timeline."""
        names = ("since", "until", "limit", "cursor") if loaded["format"] == "json" else ("since", "until")
        wanted = TimelineFilter(
            types=frozenset(loaded.get("types", ())), **{name: loaded[name] for name in names if name in loaded}
        )
        return super().completed({**loaded, "filter": wanted})


class DealRead(DealQuery, RefreshQuery):
    """The parameters of a read through the tiers."""


class TimelineRead(DealQuery, RefreshQuery, TimelineQuery):
    """The parameters of a timeline through the tiers."""


class StoredTimelineRead(DealQuery, TimelineQuery):
    """The parameters of a timeline from MongoDB."""


class StageQuery(QuerySchema):
    """Names a stage."""

    stage = ma.fields.String(
        required=True,
        validate=ma.validate.Length(min=1, max=512, error="Must have 1 to 512 characters."),
        metadata={"description": "A stage's label in any case, or its id."},
    )
