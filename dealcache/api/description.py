"""Corrections to the OpenAPI description that flask-smorest generates, where its means do not reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dealcache.api.problems import CONTENT_TYPE

Description = dict[str, Any]

#: Paths on which no deal needs to be named.
_DEAL_OPTIONAL = {"/api/hubspot/clear-endpoint-cache"}


def corrected(description: Description) -> Description:
    """The description as it is served; ``description`` itself is changed."""
    for response in description.get("components", {}).get("responses", {}).values():
        _say_problem_json(response)
    for path, operation in _operations(description):
        if path not in _DEAL_OPTIONAL:
            operation["parameters"] = _one_way_to_name_a_deal(operation.get("parameters", []))
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
