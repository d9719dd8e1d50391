"""Own properties and their definitions as marshmallow schemas, which only describe them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from dealcache.api.schema_fields import text_field

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}


class OptionSchema(ma.Schema):
    """An option of a property."""

    value = text_field("Its value.")
    label = text_field("Its label.")


class PropertyDefinitionSchema(ma.Schema):
    """An own property as HubSpot defines it."""

    name = text_field("The internal name, for `property.NAME`.")
    label = text_field("The label.")
    type = text_field("HubSpot's type.")
    several = ma.fields.Boolean(
        required=True, metadata={"description": "True if a value may have several options; then it does not sort."}
    )
    indexed = ma.fields.Boolean(
        required=True, metadata={"description": "True if `deal-list` can filter by it: the first 32 are indexed."}
    )
    options = ma.fields.List(
        ma.fields.Nested(OptionSchema),
        required=True,
        metadata={"description": "In display order; empty if it has none."},
    )


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
    return ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Nested(PropertySchema),
        metadata={"description": "The properties of `HUBSPOT_DEAL_PROPERTIES`; absent where none are configured."},
        **more,
    )
