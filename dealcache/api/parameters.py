"""The parameters of requests as marshmallow schemas: read strictly, shown in the OpenAPI description."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import marshmallow as ma
from webargs.fields import DelimitedList

from dealcache.api import query
from dealcache.api.access import TRUTHY
from dealcache.api.strict_blueprint import Repeatable
from dealcache.model.deals import EVENT_TYPES, NAME_LENGTH
from dealcache.reader.timeline_filter import CURSOR_PATTERN, TimelineFilter

#: The forms in which lists are given; the first one unless another is asked for.
EXPORT_FORMATS = ("json", "csv", "ndjson")

_FALSY = {"false", "False"}

_NAME_PATTERN = (
    r"^[\t-\r ]*[^\u0000-\u001f\u007f-\u009f]*"
    r"[^\s\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2060\ufeff]"
    r"[^\u0000-\u001f\u007f-\u009f]*[\t-\r ]*$"
)


#: The rules of ``deal_name``, as far as JSON Schema can express them.
NAME_RULES = {"pattern": _NAME_PATTERN, "maxLength": NAME_LENGTH}


def rule(check: Callable[[str], str]) -> Callable[[str], None]:
    """Return a validator made of a function that raises ValueError, with a sentence, for an invalid text."""

    def validate(text: str) -> None:
        try:
            check(text)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from error

    return validate


class Day(ma.fields.String):
    """A day as ``YYYY-MM-DD``; other forms that Python accepts are refused.

    Args:
        description: for the description of the API.
        more: further metadata.
    """

    def __init__(self, description: str, **more: Any) -> None:
        super().__init__(metadata={"description": description, "format": "date", **more})

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
    """A whole number in plain digits: no sign, space, underscore or foreign digits, which ``int`` would accept.

    Args:
        least: the least number; ``most`` the largest.
        description: for the description of the API.
        more: further options of a field.
    """

    def __init__(self, least: int, most: int, description: str, **more: Any) -> None:
        super().__init__(validate=ma.validate.Range(min=least, max=most), metadata={"description": description}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise ma.ValidationError("Must be a whole number.")
        return super()._deserialize(value, attr, data, **kwargs)


def boolean(description: str) -> ma.fields.Boolean:
    """Return a field that holds ``true`` or ``false``."""
    return ma.fields.Boolean(truthy=set(TRUTHY), falsy=_FALSY, metadata={"description": description})


def one_of(choices: Sequence[str], **more: Any) -> ma.fields.String:
    """Return a field that holds one of these texts."""
    return ma.fields.String(validate=ma.validate.OneOf(choices, error="Must be one of: {choices}."), **more)


def export_format() -> ma.fields.String:
    """Return the parameter that requests a file."""
    return one_of(
        EXPORT_FORMATS,
        load_default=EXPORT_FORMATS[0],
        metadata={"description": "`csv` or `ndjson`: all that matches as a file, whatever `limit` and `cursor` say."},
    )


class OptionalDealQuery(ma.Schema):
    """Names a deal, or none."""

    dealName = ma.fields.String(
        validate=rule(query.deal_name),
        metadata={
            "description": "The deal's name, in any case; surrounding white space does not count.",
            **NAME_RULES,
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
    def add_key(self, loaded: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Add ``key``: the named deal, or None."""
        return {**loaded, "key": query.deal_key(loaded)}


class DealQuery(OptionalDealQuery):
    """Names a deal."""

    @ma.validates_schema
    def names_a_deal(self, loaded: dict[str, Any], **_kwargs: Any) -> None:
        """Require one of the two ways to name a deal."""
        if "dealName" not in loaded and "dealId" not in loaded:
            raise ma.ValidationError({"dealName": ["Give dealName or dealId."]})


class LiveQuery(ma.Schema):
    """Names the deals to subscribe to."""

    dealName = Repeatable(
        ma.fields.String(validate=rule(query.deal_name), metadata=NAME_RULES),
        metadata={"description": "Only deals of this name, in any case; may be repeated. Without it: all deals."},
    )


class RefreshQuery(ma.Schema):
    """Asks for a fresh copy."""

    refresh = boolean("Ask HubSpot, and write the result through all tiers.")


class TimelineQuery(ma.Schema):
    """Asks for a part of a timeline."""

    types = DelimitedList(
        one_of(EVENT_TYPES),
        metadata={"description": "Only events of these types, comma-separated."},
    )
    since = Day("The first day, in the timeline's zone.")
    until = Day("The last day, included.")
    limit = Count(1, 1000, "How many events at most; the whole timeline without it.")
    cursor = ma.fields.String(
        metadata={"description": "`next_cursor` of the page before.", "pattern": CURSOR_PATTERN},
    )
    format = export_format()

    @ma.post_load
    def add_filter(self, loaded: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Add ``filter``: the part of the timeline."""
        names = ("since", "until", "limit", "cursor") if loaded["format"] == "json" else ("since", "until")
        wanted = TimelineFilter(
            types=frozenset(loaded.get("types", ())), **{name: loaded[name] for name in names if name in loaded}
        )
        return {**loaded, "filter": wanted}


class DealRead(DealQuery, RefreshQuery):
    """The parameters of a read through the tiers."""


class TimelineRead(DealQuery, RefreshQuery, TimelineQuery):
    """The parameters of a timeline through the tiers."""


class StoredTimelineRead(DealQuery, TimelineQuery):
    """The parameters of a timeline from MongoDB."""


class StageQuery(ma.Schema):
    """Names a stage."""

    stage = ma.fields.String(
        required=True,
        validate=ma.validate.Length(min=1, max=512, error="Must have 1 to 512 characters."),
        metadata={"description": "A stage's label in any case, or its id."},
    )
