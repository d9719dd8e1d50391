"""The fields of marshmallow schemas that many bodies of answers have, people and own properties included."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from dealcache.model.people import PEOPLE_TYPES

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}


def text_field(description: str, **more: Any) -> ma.fields.String:
    """Return a required text."""
    return ma.fields.String(required=True, metadata={"description": description}, **more)


def number_field(description: str, **more: Any) -> ma.fields.Float:
    """Return a required number."""
    return ma.fields.Float(required=True, metadata={"description": description}, **more)


def count_field(description: str, **more: Any) -> ma.fields.Integer:
    """Return a required whole number, 0 at least."""
    return ma.fields.Integer(required=True, metadata={"description": description, "minimum": 0}, **more)


def flag_field(description: str, **more: Any) -> ma.fields.Boolean:
    """Return a required boolean."""
    return ma.fields.Boolean(required=True, metadata={"description": description}, **more)


def texts_field(description: str) -> ma.fields.List[str]:
    """Return a required list of texts."""
    return ma.fields.List(ma.fields.String(), required=True, metadata={"description": description})


def map_field(values: ma.fields.Field[Any], description: str, example: Any = None, **more: Any) -> ma.fields.Dict:
    """Return values by texts, which may be absent."""
    metadata = {"description": description} if example is None else {"description": description, "example": example}
    return ma.fields.Dict(keys=ma.fields.String(), values=values, metadata=metadata, **more)


def amounts_field(description: str) -> ma.fields.Dict:
    """Return sums by the codes of currencies, which may be absent."""
    return map_field(ma.fields.Float(), description, {"EUR": 12.5, "USD": 3.0})


def day_field(description: str) -> ma.fields.String:
    """Return a required day, or null."""
    return ma.fields.String(required=True, allow_none=True, metadata={"description": description, "format": "date"})


def moment_field(description: str, **more: Any) -> ma.fields.String:
    """Return a required date and time."""
    return ma.fields.String(required=True, metadata={"description": description, "format": "date-time"}, **more)


class PersonSchema(ma.Schema):
    """A contact or a company."""

    type = text_field("The type of the record in HubSpot.", validate=ma.validate.OneOf(tuple(PEOPLE_TYPES)))
    id = text_field("HubSpot's id, unique within its type.")
    name = text_field(
        "A contact's first and last name, or else the e-mail address; a company's name, or else its domain. Null if it "
        "has none, or none was read yet.",
        allow_none=True,
    )


def people_field(description: str) -> Any:
    """Return an optional list of people; its key, ``with``, is a keyword of Python."""
    return ma.fields.List(ma.fields.Nested(PersonSchema), data_key="with", metadata={"description": description})


class PropertySchema(ma.Schema):
    """An own property of a deal."""

    label = text_field("The property's label in HubSpot.")
    type = text_field("HubSpot's type: `string`, `number`, `date`, `datetime`, `enumeration`, `bool`, …")
    value = ma.fields.Raw(
        required=True,
        metadata={
            "description": "By its type: a number; a day `YYYY-MM-DD`; a time in UTC; true or false; the value of an "
            "option, or a list of several; else a text. Null without one; a text if it does not fit the type.",
            "anyOf": [_TEXT, {"type": "number"}, {"type": "boolean"}, _TEXTS, {"type": "null"}],
        },
    )
    value_label = ma.fields.Raw(
        metadata={
            "description": "Only for options: the label, or a list of several; of an option that HubSpot does not have "
            "any more, the value.",
            "anyOf": [_TEXT, _TEXTS, {"type": "null"}],
        }
    )


def properties_field(**more: Any) -> ma.fields.Dict:
    """Return the own properties of a deal, by their internal names."""
    description = "The properties of `HUBSPOT_DEAL_PROPERTIES`; absent where none are configured."
    return map_field(ma.fields.Nested(PropertySchema), description, **more)
