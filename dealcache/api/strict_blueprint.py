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

from dealcache.api.query import parse_query
from dealcache.reader.question_errors import QuestionError

#: A view that takes the parameters of a query.
QueryView = Callable[[Mapping[str, Any]], Response]

#: How many queries of each view are remembered.
_QUERIES = 1024


class Repeatable(ma.fields.List[Any]):
    """A parameter that may be given several times; others may not."""


class Prefixed(ma.fields.Dict):
    """Parameters whose names begin alike and end with a name that is not known here, such as ``property.hs_priority``.

    Each may be given several times. They become one mapping from the ends of their names to lists. Where there are no
    such names they are unknown parameters.

    Args:
        prefix: how their names begin, with a dot at the end.
        value: one value.
        names_exist: returns True if there are such names.
        most: how often each may be given.
        description: for the description of the API.
    """

    def __init__(
        self, prefix: str, value: ma.fields.String, names_exist: Callable[[], bool], most: int, description: str
    ) -> None:
        many = ma.validate.Length(max=most, error=f"May be given {most} times at most.")
        super().__init__(
            ma.fields.String(),
            Repeatable(value, validate=many),
            data_key=prefix.removesuffix("."),
            metadata={"description": description},
        )
        self._prefix = prefix
        self._names_exist = names_exist

    def gathered(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a query with these as one."""
        own = {name.removeprefix(self._prefix): value for name, value in values.items() if self.is_one(name)}
        others = {name: value for name, value in values.items() if not self.is_one(name)}
        # A parameter with the very name of this field is refused.
        return {str(self.data_key): own} | others if own else others

    def is_one(self, name: str) -> bool:
        """Return True if a parameter is one of these."""
        return name.startswith(self._prefix) and self._names_exist()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, list[str]]:
        if not isinstance(value, Mapping):  # a parameter that has the name of this field
            raise ma.ValidationError("Unknown field.")
        try:
            return dict(super()._deserialize(value, attr, data, **kwargs))  # type: ignore[no-untyped-call]
        except ma.ValidationError as error:
            wrong: Any = error.messages
            raise ma.ValidationError({name: texts["value"] for name, texts in wrong.items()}) from error


def given_parameters(raw: str, schema: ma.Schema) -> Mapping[str, Any]:
    """Return the parameters of a query string, decoded strictly; those that may be repeated as lists.

    Args:
        raw: as for :func:`.parse_query`.
        schema: knows the parameters.

    Raises:
        ValidationError: one cannot be decoded, or is given too often.
    """
    try:
        parsed = parse_query(raw)
    except QuestionError as error:
        raise ma.ValidationError({error.parameter: [str(error)]}) from error
    fields, too_often = schema.fields, []
    values: dict[str, Any] = {}
    prefixed = [field for field in fields.values() if isinstance(field, Prefixed)]
    for name, texts in parsed.items():
        if isinstance(fields.get(name), Repeatable) or (prefixed and any(field.is_one(name) for field in prefixed)):
            values[name] = texts
            continue
        values[name] = texts[0]
        if len(texts) > 1 and name in fields:
            too_often.append(name)
    if too_often:
        raise ma.ValidationError({name: ["Give this parameter once."] for name in sorted(too_often)})
    for field in prefixed:
        values = field.gathered(values)
    return values


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
        """Return the object in the body, an empty one if there is no body.

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


class StrictBlueprint(Blueprint):
    """A blueprint whose parameters are read strictly."""

    ARGUMENTS_PARSER = StrictParser()

    def takes_query(self, schema: ma.Schema) -> Callable[[QueryView], QueryView]:
        """Give a view the parameters of a query, and describe them.

        That is what :meth:`arguments` does, but here the parameters of the last queries are remembered: a cached read
        was made before, and loading its query again would take as long as finding its value.
        """

        def decorate(view: QueryView) -> QueryView:
            described = self.arguments(schema, location="query")(view)

            @lru_cache(_QUERIES)
            def load(raw: str) -> Mapping[str, Any]:
                return MappingProxyType(schema.load(given_parameters(raw, schema), unknown=ma.EXCLUDE))

            @wraps(described)
            def read() -> Response:
                try:
                    query = load(request.environ.get("QUERY_STRING", ""))
                except ma.ValidationError:
                    return cast(Response, described())  # it finds the same errors, and answers with them
                return view(query)

            return cast(QueryView, read)

        return decorate
