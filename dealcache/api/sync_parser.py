"""Reads the parameters of the sync calls from the query string, from a JSON object in the body, or from both.

The parser is strict: a parameter that is misspelt or ignored would request a different sync.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import marshmallow as ma
from flask import Request
from flask_smorest import Blueprint

from dealcache.api.strict_blueprint import StrictParser, json_object

F = TypeVar("F", bound=Callable[..., Any])


class SyncParser(StrictParser):
    """Reads the query string and the body as one set of parameters."""

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """Return the parameters of both places, as texts; one given in both must have the same value."""
        given: dict[str, str] = super().load_querystring(req, schema)
        body = _texts(json_object(req), schema.fields)
        differing = [name for name in given.keys() & body.keys() if not _same(schema, name, given[name], body[name])]
        if differing:
            raise ma.ValidationError({name: ["Differs between query and body."] for name in sorted(differing)})
        return given | body


class SyncBlueprint(Blueprint):
    """A blueprint whose parameters may be given in both places."""

    ARGUMENTS_PARSER = SyncParser()

    def takes(self, schema: type[ma.Schema]) -> Callable[[F], F]:
        """Give a view function the parameters of ``schema``, and describe them as query and as body."""
        body = {"required": False, "content": {"application/json": {"schema": schema}}}

        def decorate(view: F) -> F:
            described: F = self.arguments(schema(), location="query", unknown=ma.RAISE)(view)
            return self.doc(requestBody=body)(described)  # type: ignore[no-any-return]

        return decorate


def _texts(content: Mapping[str, Any], fields: Mapping[str, ma.fields.Field[Any]]) -> dict[str, str]:
    """Return the values of a body in the form of a query string; raise ValidationError for invalid ones."""
    texts: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for name, value in content.items():
        try:
            texts[name] = _text(fields.get(name), value)
        except ma.ValidationError as error:
            errors[name] = [str(message) for message in error.messages]
    if errors:
        raise ma.ValidationError(dict(errors))
    return texts


def _text(field: ma.fields.Field[Any] | None, value: Any) -> str:
    """Return a JSON value as a query string has it; raise ValidationError if its type is not that of ``field``."""
    match field, value:
        case None, _:
            return ""  # an unknown parameter, whose name is refused later
        case ma.fields.Boolean(), bool():
            return "true" if value else "false"
        case ma.fields.Boolean(), _:
            raise ma.ValidationError("Must be true or false.")
        # JSON has one kind of number, in which 7.0 is a whole one.
        case ma.fields.Integer(), int() | float() if not isinstance(value, bool) and value == int(value):
            return str(int(value))
        case ma.fields.Integer(), _:
            raise ma.ValidationError("Must be a whole number.")
        case _, str():
            return value
        case _:
            raise ma.ValidationError("Must be a text.")


def _same(schema: ma.Schema, name: str, one: str, other: str) -> bool:
    """Return True if two texts mean the same value of a parameter."""
    field = schema.fields.get(name)
    if one == other or field is None:
        return True
    try:
        return bool(field.deserialize(one) == field.deserialize(other))
    except ma.ValidationError:
        return False
