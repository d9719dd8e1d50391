"""Descriptions of answers for OpenAPI, written once for all blueprints, and what flask-smorest cannot describe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

import marshmallow as ma
from flask_smorest import Blueprint

from dealcache.api import schemas
from dealcache.api.problems import CONTENT_TYPE
from dealcache.api.query import PATHS
from dealcache.api.streaming import CSV, NDJSON

F = TypeVar("F", bound=Callable[..., Any])
Headers = dict[str, dict[str, Any]]
Description = dict[str, Any]


def _header(description: str, kind: str = "string", **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind, **schema}}


RETRY_AFTER: Headers = {"Retry-After": _header("Seconds to wait before trying again.", "integer")}

ETAG: Headers = {"ETag": _header("The entity tag of the body; give it as `If-None-Match`.")}

CACHE_CONTROL: Headers = {"Cache-Control": _header("A browser asks again each time.")}

SERVER_TIMING: Headers = {"Server-Timing": _header("Milliseconds spent in each tier asked.")}

DATA_AS_OF: Headers = {
    "X-Data-As-Of": _header("Up to when HubSpot's changes are known to be in the answer, in UTC.", format="date-time")
}

READ_HEADERS: Headers = (
    CACHE_CONTROL
    | SERVER_TIMING
    | DATA_AS_OF
    | {
        "X-Cache-Tier": _header("The tier that answered.", enum=["memory", "redis", "mongodb", "hubspot"]),
        "Cache-Status": _header("The outcome at each tier asked (RFC 9211); a stale answer is marked."),
        "Age": _header("Seconds since the value was read from MongoDB or HubSpot.", "integer"),
    }
)


class Documented(NamedTuple):
    """One answer besides the ordinary one: its status, its condition, and its headers."""

    status: int
    description: str
    headers: Headers | None = None


NOT_MODIFIED = Documented(304, "The client's copy is current.", ETAG)
DEAL_NOT_MODIFIED = Documented(304, "The client's copy is current.", ETAG | DATA_AS_OF)
NO_DEAL = Documented(404, "No tier knows this deal.")
STORE_FAILURE = Documented(503, "MongoDB does not answer.", RETRY_AFTER)
ORIGIN_FAILURES = (
    Documented(502, "HubSpot was needed, and refused our token, failed, or answered nonsense."),
    Documented(503, "HubSpot was needed, and limits us, or too many requests wait for it.", RETRY_AFTER),
    Documented(504, "HubSpot was needed, and did not answer in time.", RETRY_AFTER),
)
_ACCESS = (
    Documented(
        401, "A token is needed, and none or an unknown one was given.", {"WWW-Authenticate": _header("Bearer.")}
    ),
    Documented(403, "The admin token is needed; or, without tokens, a page of another site would change something."),
    Documented(
        421, "Without tokens and on a loopback address: `Host` is a name that the service does not know as its own."
    ),
)


def documented(
    schema: type[ma.Schema] | ma.Schema | None,
    answers: Sequence[Documented] = (),
    headers: Mapping[str, Any] | None = None,
    access: bool = True,
    status: int = 200,
) -> Callable[[F], F]:
    """Return a decorator that describes a view function which returns a finished response.

    Args:
        schema: the body of the ordinary answer; None if it has none.
        answers: the other answers.
        headers: the headers of the ordinary answer.
        access: True if the path may require a token.
        status: the status of the ordinary answer.
    """

    described: dict[int, Description] = {
        answer.status: {"description": answer.description, "headers": answer.headers or {}}
        | ({} if answer.status < 400 else {"content": {CONTENT_TYPE: {"schema": schemas.ProblemSchema}}})
        for answer in (*(_ACCESS if access else ()), *answers)
    }
    described[status] = {"description": HTTPStatus(status).phrase, "headers": dict(headers or {})}
    if schema is not None:
        described[status]["content"] = {"application/json": {"schema": schema}}

    def decorate(view: F) -> F:
        # The decorator's wrapper would only call the view, at a cost of some microseconds per request, so only its
        # description is kept.
        view._apidoc = Blueprint.doc(responses=described)(view)._apidoc  # type: ignore[attr-defined]
        return view

    return decorate


def _request_header(name: str, description: str) -> Description:
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


_IF_NONE_MATCH = _request_header("If-None-Match", "The `ETag` of the copy that the client has; 304 when it is current.")
_REQUEST_CACHE_CONTROL = _request_header("Cache-Control", "`no-cache`: skip the cache tiers and ask MongoDB.")
_REQUEST_ID: Headers = {"X-Request-ID": _header("The caller's request id if it looked sane, else one of our own.")}

#: The other formats of an answer that is available as a file.
_FILES: Description = {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in (CSV, NDJSON)}

#: Paths on which no deal needs to be named.
_DEAL_OPTIONAL = {"/api/hubspot/clear-endpoint-cache"}

#: Paths on which ``Cache-Control`` of the request counts.
_CACHE_CONTROL_COUNTS = {*PATHS, "/api/hubspot/deals-batch"}


def corrected(description: Description) -> Description:
    """Correct flask-smorest's description where its own means are not enough; ``description`` itself is changed."""
    for path, operation in _operations(description):
        parameters = operation.get("parameters", [])
        if path not in _DEAL_OPTIONAL:
            parameters = _one_way_to_name_a_deal(parameters)
        for parameter in parameters:
            _say_names_begin_alike(parameter)
        if "304" in operation["responses"]:
            parameters = [*parameters, _IF_NONE_MATCH]
        if path in _CACHE_CONTROL_COUNTS:
            parameters = [*parameters, _REQUEST_CACHE_CONTROL]
        operation["parameters"] = parameters
        if any(one.get("name") == "format" for one in parameters):
            operation["responses"]["200"]["content"] |= _FILES
        for response in operation["responses"].values():
            if "$ref" not in response:
                response.setdefault("headers", {}).update(_REQUEST_ID)
    return description


def _operations(description: Description) -> Iterator[tuple[str, Description]]:
    for path, item in description["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict):
                yield path, operation


def _one_way_to_name_a_deal(parameters: list[Any]) -> list[Any]:
    """Declare that one of ``dealName`` and ``dealId`` is required, which two separate parameters cannot express.

    An exploded object of style ``form`` means its properties, each a parameter of its name (OpenAPI 3.1, "Style
    Values").
    """
    by_name = {one["name"]: one for one in parameters if isinstance(one, dict) and "name" in one}
    if not {"dealName", "dealId"} <= by_name.keys():
        return parameters
    properties = {
        name: by_name[name]["schema"] | {"description": by_name[name].get("description", "")}
        for name in ("dealName", "dealId")
    }
    deal = {
        "name": "deal",
        "in": "query",
        "required": True,
        "style": "form",
        "explode": True,
        "description": "Names the deal: `dealName` or `dealId`, each a parameter of its own.",
        # Each alternative with its properties: tools that make types look for them there.
        "schema": {
            "type": "object",
            "anyOf": [{"type": "object", "properties": properties, "required": [name]} for name in properties],
        },
        "example": {"dealName": "Acme renewal"},
    }
    return [deal, *(one for one in parameters if one not in (by_name["dealName"], by_name["dealId"]))]


def _say_names_begin_alike(parameter: Description) -> None:
    """Declare each value of an object as a parameter of its own, as above: all that is known is how its name begins."""
    schema = parameter.get("schema", {})
    if isinstance(schema.get("additionalProperties"), dict):
        beginning = re.escape(f"{parameter['name']}.")
        schema["propertyNames"] = {"pattern": f"^{beginning}[a-z][a-z0-9_]*$"}
        schema["additionalProperties"] = schema["additionalProperties"]["items"]
        parameter.update(style="form", explode=True)
