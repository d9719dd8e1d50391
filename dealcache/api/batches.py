"""Reads of many deals at once: ``POST /api/hubspot/deals-batch``."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import marshmallow as ma
import orjson
from flask import Response, request

from dealcache.api import parameters, query, schemas
from dealcache.api.documentation import SERVER_TIMING, Documented, documented
from dealcache.api.problems import problem_of
from dealcache.api.responses import json_response, mode_of, server_timing, shown_as_of, unknown_deal
from dealcache.api.schema_fields import map_field, moment_field, text_field
from dealcache.api.services import services
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.model.deals import DealKey
from dealcache.reader.answers import BatchAnswer
from dealcache.tiers import View

#: The most names of one batch (the contract).
MOST_NAMES = 100


class DealNames(ma.fields.List[str]):
    """A list of deal names; its value is a mapping from each name as given to the deal that it names."""

    def __init__(self, description: str) -> None:
        super().__init__(
            ma.fields.String(metadata=parameters.NAME_RULES),
            required=True,
            metadata={"description": description, "minItems": 1, "maxItems": MOST_NAMES, "example": ["Acme renewal"]},
        )

    # A single pass of our own: marshmallow's takes longer for a hundred names than everything else about cached
    # answers.
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ma.ValidationError("Must be a list of names.")
        if not 1 <= len(value) <= MOST_NAMES:
            raise ma.ValidationError(f"Must have 1 to {MOST_NAMES} names.")
        keys: dict[str, DealKey] = {}
        errors: dict[int, list[str]] = {}
        for place, name in enumerate(value):
            try:
                keys[name] = DealKey("name", query.deal_name(name))
            except (AttributeError, TypeError):
                errors[place] = ["Must be a text."]
            except ValueError as error:
                errors[place] = [str(error)]
        if errors:
            raise ma.ValidationError(dict(errors))
        return keys


class BatchParameters(ma.Schema):
    """The names of deals, and the views of each."""

    deal_names = DealNames("1 to 100 names, in any case; surrounding white space does not count.")
    include = ma.fields.List(
        ma.fields.Enum(View, by_value=True),
        load_default=(View.INFO, View.ACTIVITIES_COUNT),
        validate=ma.validate.Length(min=1),
        metadata={"description": "Which views of each deal."},
    )


class BatchedDealSchema(ma.Schema):
    """The requested views of one deal."""

    info = ma.fields.Nested(schemas.DealInfoSchema)
    activities_count = ma.fields.Nested(schemas.ActivitiesCountSchema)
    timeline = ma.fields.Nested(schemas.TimelineSchema)
    as_of = moment_field(
        "Up to when HubSpot's changes are known to be in all of these; see `X-Data-As-Of`.", allow_none=True
    )


class BatchErrorSchema(ma.Schema):
    """Why there is no answer for one name."""

    status = ma.fields.Integer(
        required=True, metadata={"description": "The status that a read of this name alone would have."}
    )
    detail = text_field("The error in a sentence.")


class BatchSchema(ma.Schema):
    """The answer for each name, as given, is in one of both."""

    deals = map_field(ma.fields.Nested(BatchedDealSchema), "Those that could be answered.", required=True)
    errors = map_field(ma.fields.Nested(BatchErrorSchema), "Those that could not.", required=True)


blueprint = StrictBlueprint(
    "batches", __name__, url_prefix="/api/hubspot", description="Many deals from memory, MongoDB or HubSpot."
)


@blueprint.route("/deals-batch", methods=["POST"])
@blueprint.arguments(BatchParameters())
@documented(BatchSchema, [Documented(415, "The body is not JSON.")], SERVER_TIMING)
def deals_batch(wanted: dict[str, Any]) -> Response:
    """Return up to a hundred deals by their names, asking each tier once for all; 200 even if some names failed."""
    keys, views = wanted["deal_names"], tuple(dict.fromkeys(wanted["include"]))
    started = time.perf_counter()
    answer = services().reader.read_many(keys.values(), views, mode_of(request.headers.get("Cache-Control")))
    services().recorder.batch_answered(answer, views, time.perf_counter() - started)
    response = json_response(_shown(keys, answer))
    response.headers["Server-Timing"] = server_timing(answer.trace.steps)
    return response


def _shown(keys: dict[str, DealKey], answer: BatchAnswer) -> dict[str, Any]:
    """Return the body, which contains the cached bytes of views without encoding them again."""
    deals: dict[str, dict[str, orjson.Fragment | str | None]] = {}
    errors: dict[str, dict[str, Any]] = {}
    for given, key in keys.items():
        if (failure := answer.failures.get(key)) is not None:
            problem = problem_of(failure)
        elif any(value.entry.status == 404 for value in answer.values[key].values()):
            problem = unknown_deal(key)
        else:
            found = answer.values[key]
            deals[given] = {view.value: orjson.Fragment(value.entry.body) for view, value in found.items()}
            deals[given]["as_of"] = shown_as_of(_oldest_of(value.entry.data_as_of for value in found.values()))
            continue
        errors[given] = {"status": problem.status, "detail": problem.detail}
    return {"deals": deals, "errors": errors}


def _oldest_of(moments: Iterable[float | None]) -> float | None:
    """Return the earliest of these moments, None if one of them is unknown."""
    known = list(moments)
    return None if None in known else min(one for one in known if one is not None)
