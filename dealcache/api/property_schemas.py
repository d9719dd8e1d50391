"""The definitions of own properties as marshmallow schemas, which only describe them."""

from __future__ import annotations

import marshmallow as ma

from dealcache.api.schemas import text_field


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
