"""The schemas of the history of a deal's stages, and the answer while it is off, for both ways to read it."""

from __future__ import annotations

import marshmallow as ma

from dealcache.api.documentation import Documented
from dealcache.api.problems import Problem
from dealcache.api.schema_fields import moment_field, number_field, text_field

#: The answer while stage history is off.
OFF = Problem(404, "Stage history is off; STAGE_HISTORY=on in the service's environment turns it on.")

NO_DEAL_OR_OFF = Documented(404, "No tier knows this deal, or stage history is off.")
NO_STORED_DEAL_OR_OFF = Documented(
    404, "MongoDB does not know this deal, its activities have not been read yet, or stage history is off."
)


class StaySchema(ma.Schema):
    """One stay of a deal in a stage: the latest one there."""

    stage = text_field("The stage's label; its id if the stage is gone.")
    stage_id = text_field("The stage's id.")
    pipeline = text_field("The pipeline's label, empty if the stage is gone.")
    pipeline_id = text_field("The pipeline's id.", allow_none=True)
    entered_at = moment_field("When it began; null if HubSpot does not tell.", allow_none=True)
    left_at = moment_field(
        "When it ended; null for the stage that the deal is in, and if HubSpot does not tell.", allow_none=True
    )
    days = number_field("How long it lasted, or has lasted so far, in days to one decimal.", allow_none=True)


class DealStagesSchema(ma.Schema):
    """The stages that a deal has been in, in the order in which it entered them."""

    deal_id = text_field("HubSpot's id of the deal.")
    deal_name = text_field("The deal's name.")
    stages = ma.fields.List(ma.fields.Nested(StaySchema), required=True)
    current = ma.fields.Nested(
        StaySchema,
        required=True,
        allow_none=True,
        metadata={"description": "The stay in the stage that the deal is in; null if it is in none."},
    )
