"""What a batch takes, and what it answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import marshmallow as ma

from dealcache.api import parameters, query, schemas
from dealcache.deals import DealKey
from dealcache.tiers import View

#: The most names of one batch (the contract).
MOST_NAMES = 100


class BatchQuery(NamedTuple):
    """The names of a batch as they were given, each with the deal that it names, and the views that are wanted."""

    keys: dict[str, DealKey]
    views: tuple[View, ...]


class DealNames(ma.fields.List[str]):
    """A list of deal names, as a mapping from each name as it was given to the deal that it names."""

    def __init__(self, description: str) -> None:
        name = ma.fields.String(metadata={"pattern": parameters.NAME_PATTERN, "maxLength": query.NAME_LENGTH})
        super().__init__(
            name,
            required=True,
            metadata={"description": description, "minItems": 1, "maxItems": MOST_NAMES, "example": ["Acme renewal"]},
        )

    # One pass of our own: marshmallow's takes longer for a hundred names than everything else about cached answers.
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
            except TypeError:
                errors[place] = ["Must be a text."]
            except ValueError as error:
                errors[place] = [str(error)]
        if errors:
            raise ma.ValidationError(dict(errors))
        return keys


class BatchParameters(ma.Schema):
    """Which deals are wanted, and what of each."""

    deal_names = DealNames("1 to 100 names, in any case; surrounding white space does not count.")
    include = ma.fields.List(
        ma.fields.Enum(View, by_value=True),
        load_default=(View.INFO, View.ACTIVITIES_COUNT),
        validate=ma.validate.Length(min=1),
        metadata={"description": "Which views of each deal."},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> BatchQuery:
        """The names and the views, each view once."""
        return BatchQuery(data["deal_names"], tuple(dict.fromkeys(data["include"])))


class BatchedDealSchema(ma.Schema):
    """The views of one deal that were wanted."""

    info = ma.fields.Nested(schemas.DealInfoSchema)
    activities_count = ma.fields.Nested(schemas.ActivitiesCountSchema)
    timeline = ma.fields.Nested(schemas.TimelineSchema)


class BatchErrorSchema(ma.Schema):
    """Why there is no answer for one name."""

    status = ma.fields.Integer(
        required=True, metadata={"description": "The status that a read of this name alone would have."}
    )
    detail = ma.fields.String(required=True, metadata={"description": "What is wrong, in a sentence."})


class BatchSchema(ma.Schema):
    """The answer for each name, as it was given, is in one of both."""

    deals = ma.fields.Dict(
        required=True,
        keys=ma.fields.String(),
        values=ma.fields.Nested(BatchedDealSchema),
        metadata={"description": "Those that could be answered."},
    )
    errors = ma.fields.Dict(
        required=True,
        keys=ma.fields.String(),
        values=ma.fields.Nested(BatchErrorSchema),
        metadata={"description": "Those that could not."},
    )
