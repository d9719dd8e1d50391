"""People in the bodies of answers, as marshmallow schemas."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from dealcache.model.people import PEOPLE_TYPES


class PersonSchema(ma.Schema):
    """A contact or a company."""

    type = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(tuple(PEOPLE_TYPES)),
        metadata={"description": "The type of the record in HubSpot."},
    )
    id = ma.fields.String(required=True, metadata={"description": "HubSpot's id, unique within its type."})
    name = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "A contact's first and last name, or else the e-mail address; a company's name, or else its "
            "domain. Null if it has none, or none was read yet."
        },
    )


def people_field(description: str) -> Any:
    """Return an optional list of people; its key, ``with``, is a keyword of Python."""
    return ma.fields.List(ma.fields.Nested(PersonSchema), data_key="with", metadata={"description": description})
