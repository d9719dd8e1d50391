"""Activities at a glance: ``GET /api/hubspot/v2/activity-summary``, from MongoDB alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import RAISE

from dealcache.api.deal_list_parameters import any_of, day
from dealcache.api.documentation import CACHE_CONTROL, ETAG, NOT_MODIFIED, RETRY_AFTER, Documented, documented
from dealcache.api.parameters import one_of
from dealcache.api.responses import short_list
from dealcache.api.schema_fields import count_field, day_field, map_field, moment_field, text_field
from dealcache.api.services import services
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.reader.activity_summary import GROUPINGS, ActivityQuestion

blueprint = StrictBlueprint(
    "activity_summary", __name__, url_prefix="/api/hubspot/v2", description="Activities at a glance."
)


_NOT_YET = Documented(503, "Activities are still being added up, or MongoDB does not answer.", RETRY_AFTER)


class ActivityQuery(ma.Schema):
    """The activities to count, and by what."""

    by = one_of(
        GROUPINGS,
        load_default="week",
        metadata={"description": "By week (ISO 8601) or month of the activity, its owner, or its type."},
    )
    since = day("Activities of this day or later")
    until = day("Activities of this day or earlier")
    stage = any_of("The present stage of the deal: its label in any case, or its id")
    owner = any_of("The owner of the activity: a name in any case, or the id; `Unknown Owner` for none")

    @ma.validates_schema
    def in_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse days that end before they begin."""
        if "since" in data and "until" in data and data["until"] < data["since"]:
            raise ma.ValidationError({"until": ["Must not lie before since."]})

    @ma.post_load
    def make_question(self, data: dict[str, Any], **_kwargs: Any) -> ActivityQuestion:
        """Return the question."""
        days = {name: date.fromisoformat(data[name]) for name in ("since", "until") if name in data}
        return ActivityQuestion(
            by=data["by"], stages=tuple(data.get("stage", ())), owners=tuple(data.get("owner", ())), **days
        )


class ActivityRowSchema(ma.Schema):
    """The activities of a week or month, or of one owner or type."""

    key = text_field(
        "The week (`2026-W48`), the month (`2026-11`), the owner's id, null for none, or the type.", allow_none=True
    )
    label = text_field("The same for people; of an owner the name, or `Unknown Owner`.")
    start = day_field("The first day of the week or month; null for owners and types.")
    count = count_field("How many activities.")
    by_type = map_field(
        ma.fields.Integer(metadata={"minimum": 1}), "How many of each type; only types that occur.", required=True
    )


class ActivitySummarySchema(ma.Schema):
    """The number of activities of all live deals; one that belongs to several deals counts for each of them."""

    by = text_field("As asked.", validate=ma.validate.OneOf(GROUPINGS))
    since = day_field("As asked; null for no first day.")
    until = day_field("As asked; null for no last day.")
    time_zone = text_field("The zone of the days.")
    total = count_field("How many activities there are in all rows.")
    rows = ma.fields.List(
        ma.fields.Nested(ActivityRowSchema),
        required=True,
        metadata={
            "description": "Weeks and months in the order of time, owners and types with the most first. "
            "There is no row without activities."
        },
    )
    as_of = moment_field("Up to when HubSpot's changes are known to be in it.", allow_none=True)


@blueprint.route("/activity-summary")
@blueprint.arguments(ActivityQuery(), location="query", unknown=RAISE)  # a misspelt filter would count all activities
@documented(ActivitySummarySchema, [NOT_MODIFIED, _NOT_YET], ETAG | CACHE_CONTROL)
def activity_summary(question: ActivityQuestion) -> Response:
    """Return the number of activities by week, month, owner or type."""
    return short_list(services().activity_summaries.summary(question))
