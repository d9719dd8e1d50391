"""JSON in the bodies of requests, read strictly."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import orjson
from flask import Request, abort
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser


def json_object(req: Request) -> dict[str, Any]:
    """The object that a request's body holds, an empty one when there is no body.

    Raises:
        ValidationError: it is no JSON object.
        UnsupportedMediaType: it does not say that it is JSON.
    """
    raw = req.get_data()
    if not raw:
        return {}
    if not req.is_json:
        abort(415, description="The body must be a JSON object of type application/json.")
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ma.ValidationError({"body": ["Not valid JSON."]}) from None
    if not isinstance(content, dict):
        raise ma.ValidationError({"body": ["Must be a JSON object."]})
    return content


class JsonParser(FlaskParser):
    """Reads bodies with :func:`json_object`; unknown fields are refused, because a misspelt one would be ignored."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"json": ma.RAISE}

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The body's object."""
        return json_object(req)


class JsonBlueprint(Blueprint):
    """A blueprint whose parameters come as JSON bodies."""

    ARGUMENTS_PARSER = JsonParser()
