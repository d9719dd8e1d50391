"""Blueprints whose views get parameters that were read strictly: what is broken, repeated or misspelt is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from types import MappingProxyType
from typing import Any, cast

import marshmallow as ma
import orjson
from flask import Request, Response, abort, request
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser

from dealcache.api.query import InvalidQueryError, parse_query
from dealcache.api.query_schema import QuerySchema

#: A view that takes the parameters of a query.
QueryView = Callable[[Mapping[str, Any]], Response]

#: How many queries of each view are remembered.
_QUERIES = 256


class Repeatable(ma.fields.List[Any]):
    """A parameter that may be given several times, which makes a list; others may not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return super()._deserialize(value if isinstance(value, list) else [value], attr, data, **kwargs)


def json_object(req: Request) -> dict[str, Any]:
    """Return the object in a request's body, an empty one if there is no body.

    Raises:
        ValidationError: the body is not a JSON object.
        UnsupportedMediaType: it is not declared as JSON.
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


def given_parameters(raw: str, schema: ma.Schema) -> Mapping[str, Any]:
    """Return the parameters of a query string, decoded strictly; a repeated one that may be repeated as a list.

    Args:
        raw: as for :func:`.parse_query`.
        schema: knows the parameters.

    Raises:
        ValidationError: one cannot be decoded, or is given too often.
    """
    try:
        parsed = parse_query(raw)
    except InvalidQueryError as error:
        raise ma.ValidationError(dict(error.errors)) from error
    if not parsed.repeated:
        return parsed.values
    known = {name: field for name, field in schema.fields.items() if name in parsed.repeated}
    once = sorted(name for name, field in known.items() if not isinstance(field, Repeatable))
    if once:
        raise ma.ValidationError({name: ["Give this parameter once."] for name in once})
    return {**parsed.values, **{name: [parsed.values[name], *parsed.repeated[name]] for name in known}}


class StrictParser(FlaskParser):
    """Reads query strings with ``parse_query``, and JSON bodies.

    Unknown parameters of a query string are ignored. Unknown fields of a body are refused, because a misspelt one would
    otherwise be ignored.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"json": ma.RAISE}

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """Return the parameters, decoded strictly; one that cannot be decoded is a validation error of its field."""
        return given_parameters(req.environ.get("QUERY_STRING", ""), schema)

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """Return the body's object."""
        return json_object(req)


class StrictBlueprint(Blueprint):
    """A blueprint whose parameters are read strictly."""

    ARGUMENTS_PARSER = StrictParser()

    def takes_query(self, schema: QuerySchema) -> Callable[[QueryView], QueryView]:
        """Give a view the parameters of a query, and describe them.

        That is what :meth:`arguments` does, but here the parameters of the last queries are remembered: a cached read
        was made before, and loading its query again would take as long as finding its value.
        """

        def decorate(view: QueryView) -> QueryView:
            described = self.arguments(schema, location="query")(view)

            @lru_cache(_QUERIES)
            def load(raw: str) -> Mapping[str, Any]:
                return MappingProxyType(schema.load(given_parameters(raw, schema)))

            @wraps(described)
            def read() -> Response:
                try:
                    query = load(request.environ.get("QUERY_STRING", ""))
                except ma.ValidationError:
                    return cast(Response, described())  # it finds the same errors, and answers with them
                return view(query)

            return cast(QueryView, read)

        return decorate
