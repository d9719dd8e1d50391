"""Corrections to the OpenAPI description that flask-smorest generates, where its means do not reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dealcache.api.hits import PATHS
from dealcache.api.problems import CONTENT_TYPE

Description = dict[str, Any]

_IF_NONE_MATCH: Description = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The `ETag` of the copy that the client has; 304 when it is current.",
}
_CACHE_CONTROL: Description = {
    "name": "Cache-Control",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`no-cache`: skip the cache tiers and ask MongoDB.",
}
_REQUEST_ID: Description = {
    "X-Request-ID": {
        "description": "The caller's request id if it looked sane, else one of our own.",
        "schema": {"type": "string"},
    }
}

#: Paths on which no deal needs to be named.
_DEAL_OPTIONAL = {"/api/hubspot/clear-endpoint-cache"}

#: Paths on which ``Cache-Control`` of the request counts.
_CACHE_CONTROL_COUNTS = {*PATHS, "/api/hubspot/deals-batch"}


def corrected(description: Description) -> Description:
    """The description as it is served; ``description`` itself is changed."""
    for response in description.get("components", {}).get("responses", {}).values():
        _say_problem_json(response)
    for path, operation in _operations(description):
        parameters = operation.get("parameters", [])
        if path not in _DEAL_OPTIONAL:
            parameters = _one_way_to_name_a_deal(parameters)
        if "304" in operation["responses"]:
            parameters = [*parameters, _IF_NONE_MATCH]
        if path in _CACHE_CONTROL_COUNTS:
            parameters = [*parameters, _CACHE_CONTROL]
        operation["parameters"] = parameters
        for response in operation["responses"].values():
            if "$ref" not in response:
                response.setdefault("headers", {}).update(_REQUEST_ID)
    return description


def _operations(description: Description) -> Iterator[tuple[str, Description]]:
    for path, item in description["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict):
                yield path, operation


def _say_problem_json(response: Description) -> None:
    """flask-smorest describes its own error answers as plain JSON."""
    content = response.get("content", {})
    if "application/json" in content:
        response["content"] = {CONTENT_TYPE: content["application/json"]}


def _one_way_to_name_a_deal(parameters: list[Any]) -> list[Any]:
    """Say that one of ``dealName`` and ``dealId`` must be there, which two parameters of their own cannot say.

    An object of style ``form`` that is exploded stands for its properties, each a parameter of its name (OpenAPI 3.1,
    "Style Values").
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
        "schema": {
            "type": "object",
            "properties": properties,
            "anyOf": [{"required": ["dealName"]}, {"required": ["dealId"]}],
        },
        "example": {"dealName": "Acme renewal"},
    }
    return [deal, *(one for one in parameters if one not in (by_name["dealName"], by_name["dealId"]))]
