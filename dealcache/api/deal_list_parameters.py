"""The parameters of the list of deals."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

import marshmallow as ma

from dealcache.api.parameters import Count, Day, boolean, export_format
from dealcache.api.services import services
from dealcache.api.strict_blueprint import Prefixed, Repeatable
from dealcache.model.deal_filter import SORTS, Order
from dealcache.model.deal_question import PROPERTY, DealQuestion
from dealcache.model.deals import NAME_LENGTH
from dealcache.model.words import words_of
from dealcache.reader.cursors import CURSOR_PATTERN

_NUMBER = re.compile(r"-?[0-9]{1,309}([.][0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_MOST_VALUES = 100
_MOST_IDLE_DAYS = 36_500
_MOST_ROWS, _USUAL_ROWS = 500, 50

#: All orders but those by own properties.
_SORTS = (*SORTS, *(f"-{one}" for one in SORTS))

_OWN_SORT = {"type": "string", "pattern": r"^-?property\.[a-z][a-z0-9_]*$"}

#: The names of the two ends of each range, the lower one first.
_RANGES = (("min_amount", "max_amount"), ("created_since", "created_until"), ("closes_since", "closes_until"))


class Number(ma.fields.Float):
    """A number as JSON writes it: no infinity, underscore, space or foreign digits, which ``float`` would accept."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not _NUMBER.fullmatch(str(value)) or not math.isfinite(float(value)):
            raise ma.ValidationError("Must be a number.")
        return super()._deserialize(value, attr, data, **kwargs)


def _one_value() -> ma.fields.String:
    return ma.fields.String(validate=ma.validate.Length(min=1, max=512, error="Must have 1 to 512 characters."))


def _check_sort(text: str) -> None:
    """Raise ValidationError for an unknown order; which own properties there are is known to those who read deals."""
    own = text.removeprefix("-").startswith(PROPERTY)
    if text not in _SORTS and not (own and services().own_properties):
        known = (*_SORTS, "property.NAME", "-property.NAME") if services().own_properties else _SORTS
        raise ma.ValidationError(f"Must be one of: {', '.join(known)}.")


def any_of(what: str) -> Repeatable:
    """Return a parameter with a label or an id, which may be repeated."""
    one = _one_value()
    many = ma.validate.Length(max=_MOST_VALUES, error=f"May be given {_MOST_VALUES} times at most.")
    return Repeatable(one, validate=many, metadata={"description": f"{what}; may be repeated: any of them."})


def day(description: str) -> Day:
    """Return a parameter with a day."""
    return Day(f"{description}, in the timeline's zone.")


class DealListQuery(ma.Schema):
    """The deals to list, their order, and the page."""

    q = ma.fields.String(
        validate=ma.validate.Length(max=NAME_LENGTH, error=f"May have {NAME_LENGTH} characters at most."),
        metadata={
            "description": "Words; each must begin a word of the name. Case, accents and the order do not count.",
            "example": "acme ren",
        },
    )
    stage = any_of("A stage's label in any case, or its id")
    pipeline = any_of("A pipeline's label in any case, or its id")
    owner = any_of("An owner's name in any case, or the id; `Unknown Owner` for deals without one")
    open = boolean("`true`: neither won nor lost; `false`: either.")
    min_amount = Number(metadata={"description": "The least amount."})
    max_amount = Number(metadata={"description": "The largest amount."})
    created_since = day("Created on this day or later")
    created_until = day("Created on this day or earlier")
    closes_since = day("Closes on this day or later")
    closes_until = day("Closes on this day or earlier")
    idle_days = Count(
        0, _MOST_IDLE_DAYS, "No activity within so many days, planned ones aside; also deals without any."
    )
    has_next_activity = boolean("`true`: an activity is planned for later; `false`: none is.")
    properties = Prefixed(
        PROPERTY,
        _one_value(),
        lambda: bool(services().own_properties),
        _MOST_VALUES,
        "A value of an own property, by its internal name: `property.hs_priority=high`; may be repeated: any of them. "
        "Options by value, or by label in any case; numbers as numbers; dates and times as days, those of times in the "
        "timeline's zone; `true` or `false`; other texts exactly. For the first 32 of `HUBSPOT_DEAL_PROPERTIES`; where "
        "none are configured, there is no such parameter.",
    )
    sort = ma.fields.String(
        validate=_check_sort,
        load_default="-created",
        metadata={
            "description": "`-` before it: descending. Deals without a value come last, those of one by id. Also "
            "`property.NAME`, for own properties.",
            "anyOf": [{"type": "string", "enum": list(_SORTS)}, _OWN_SORT],
        },
    )
    limit = Count(1, _MOST_ROWS, "How many deals at most.", load_default=_USUAL_ROWS)
    cursor = ma.fields.String(
        metadata={"description": "`next_cursor` of the page before, for the same question.", "pattern": CURSOR_PATTERN}
    )
    format = export_format()

    @ma.validates_schema
    def in_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse ranges that end before they begin."""
        wrong = {
            last: [f"Must not {'be less than' if last == 'max_amount' else 'lie before'} {first}."]
            for first, last in _RANGES
            if first in data and last in data and data[last] < data[first]
        }
        if wrong:
            raise ma.ValidationError(dict(wrong))

    @ma.post_load
    def add_question(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Add ``question``: the wanted deals and their order."""
        sort: str = data["sort"]
        days = ("created_since", "created_until", "closes_since", "closes_until")
        question = DealQuestion(
            words=_independent(words_of(data.get("q", ""))),
            stages=tuple(data.get("stage", ())),
            pipelines=tuple(data.get("pipeline", ())),
            owners=tuple(data.get("owner", ())),
            is_open=data.get("open"),
            min_amount=data.get("min_amount"),
            max_amount=data.get("max_amount"),
            idle_days=data.get("idle_days"),
            has_next_activity=data.get("has_next_activity"),
            order=Order(sort.removeprefix("-"), sort.startswith("-")),
            properties=tuple((name, tuple(texts)) for name, texts in data.get("properties", {}).items()),
            **{name: date.fromisoformat(data[name]) for name in days if name in data},
        )
        return {**data, "question": question}


def _independent(words: list[str]) -> tuple[str, ...]:
    """Return the words without those that are the beginning of another one, which add nothing."""
    return tuple(one for one in words if not any(other != one and other.startswith(one) for other in words))
