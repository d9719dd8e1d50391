"""The fields of marshmallow schemas that many bodies of answers have."""

from __future__ import annotations

from typing import Any

import marshmallow as ma


def text_field(description: str, **more: Any) -> ma.fields.String:
    """Return a required text."""
    return ma.fields.String(required=True, metadata={"description": description}, **more)


def number_field(description: str, **more: Any) -> ma.fields.Float:
    """Return a required number."""
    return ma.fields.Float(required=True, metadata={"description": description}, **more)


def count_field(description: str, **more: Any) -> ma.fields.Integer:
    """Return a required whole number, 0 at least."""
    return ma.fields.Integer(required=True, metadata={"description": description, "minimum": 0}, **more)


def amounts_field(description: str) -> ma.fields.Dict:
    """Return sums by the codes of currencies, which may be absent."""
    return ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Float(),
        metadata={"description": description, "example": {"EUR": 12.5, "USD": 3.0}},
    )


def day_field(description: str) -> ma.fields.String:
    """Return a required day, or null."""
    return ma.fields.String(required=True, allow_none=True, metadata={"description": description, "format": "date"})


def moment_field(description: str, **more: Any) -> ma.fields.String:
    """Return a required date and time."""
    return ma.fields.String(required=True, metadata={"description": description, "format": "date-time"}, **more)
