"""The list of deals, and the own properties that it shows, as marshmallow schemas, which only describe them."""

from __future__ import annotations

import marshmallow as ma

from dealcache.api.schema_fields import (
    amounts_field,
    count_field,
    day_field,
    flag_field,
    moment_field,
    number_field,
    properties_field,
    text_field,
)


class DealRowSchema(ma.Schema):
    """A deal to look through; one that cannot be shown has nulls."""

    deal_id = text_field("HubSpot's id of the deal.")
    deal_name = text_field("The deal's name.", allow_none=True)
    stage = text_field("The stage's label.", allow_none=True)
    stage_id = text_field("The stage's id.", allow_none=True)
    pipeline = text_field("The pipeline's label.", allow_none=True)
    pipeline_id = text_field("The pipeline's id.", allow_none=True)
    owner = text_field("The owner's name, or `Unknown Owner`.", allow_none=True)
    owner_id = text_field("The owner's id.", allow_none=True)
    amount = number_field("The amount in the deal's currency.", allow_none=True)
    currency = text_field("The currency's ISO 4217 code; null if the deal has none.", allow_none=True)
    amount_in_home_currency = ma.fields.Float(
        allow_none=True,
        metadata={
            "description": "The amount in the company's currency, null if the account has no exchange rate; "
            "only if the deal has a currency."
        },
    )
    create_date = day_field("The day on which the deal was created.")
    close_date = day_field("The day on which the deal closed or should close.")
    open = flag_field("True if it is neither won nor lost.", allow_none=True)
    activities = count_field("All activities; null while they have not been read.", allow_none=True)
    first_activity = day_field("The day of the first activity.")
    last_activity = day_field("The day of the last activity that is not in the future.")
    next_activity = day_field("The day of the first activity that is.")
    updated_at = moment_field("When the deal was changed last.", allow_none=True)
    as_of = moment_field("Up to when HubSpot's changes are known to be in this row.", allow_none=True)
    days_in_stage = ma.fields.Float(
        allow_none=True,
        metadata={
            "description": "Days to one decimal since the deal entered its stage, null if HubSpot does not tell; "
            "only with stage history."
        },
    )
    properties = properties_field(allow_none=True)


class DealListSchema(ma.Schema):
    """One page of the deals that match."""

    deals = ma.fields.List(ma.fields.Nested(DealRowSchema), required=True)
    total = count_field("How many deals match, on all pages.")
    total_amount = number_field("The sum of their amounts.")
    total_amounts = amounts_field("The same by currency; only if the deals that match have several.")
    next_cursor = ma.fields.String(metadata={"description": "There while more follows; give it as `cursor`."})


class OptionSchema(ma.Schema):
    """An option of a property."""

    value = text_field("Its value.")
    label = text_field("Its label.")


class PropertyDefinitionSchema(ma.Schema):
    """An own property as HubSpot defines it."""

    name = text_field("The internal name, for `property.NAME`.")
    label = text_field("The label.")
    type = text_field("HubSpot's type.")
    several = flag_field("True if a value may have several options; then it does not sort.")
    indexed = flag_field("True if `deal-list` can filter by it: the first 32 are indexed.")
    options = ma.fields.List(
        ma.fields.Nested(OptionSchema),
        required=True,
        metadata={"description": "In display order; empty if it has none."},
    )
