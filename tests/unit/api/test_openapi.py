"""Nothing that clients rely on leaves the OpenAPI description, or changes in it, by mistake."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask_smorest import Blueprint

from dealcache.app import create_app
from dealcache.settings import load_settings
from tests.unit.api.openapi_facts import compare, facts_of, present_description, recorded_facts

HOW_TO_RECORD = "If all of it is meant, `make openapi` records it; commit tests/unit/api/openapi.txt with the change."

#: Changes a description in place.
Change = Callable[[dict[str, Any]], object]

SMALL: dict[str, Any] = {
    "paths": {
        "/deals": {
            "get": {
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 100}},
                    {"in": "query", "name": "sort", "schema": {"type": "string", "enum": ["age", "name"]}},
                    {"in": "query", "name": "stage", "required": True, "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Deals"}}},
                        "headers": {"ETag": {"schema": {"type": "string"}}},
                    },
                    "default": {"$ref": "#/components/responses/Failed"},
                },
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewDeal"}}},
                },
                "responses": {"201": {}},
            },
        }
    },
    "components": {
        "responses": {"Failed": {"content": {"application/problem+json": {"schema": {"type": "object"}}}}},
        "schemas": {
            "Deals": {"type": "object", "properties": {"deals": {"type": "array", "items": {"$ref": "#/x/Deal"}}}},
            "Deal": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": "Its name."},
                    "kind": {"type": "string", "enum": ["new", "old"]},
                    "by_type": {"type": "object", "additionalProperties": {"type": "integer"}},
                },
                "required": ["name"],
            },
            "NewDeal": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "amount": {"type": ["number", "null"]}},
                "required": ["name"],
            },
        },
    },
}


def operation(description: dict[str, Any], method: str = "get") -> dict[str, Any]:
    return description["paths"]["/deals"][method]


def parameter(description: dict[str, Any], number: int) -> dict[str, Any]:
    return operation(description)["parameters"][number]


def schema(description: dict[str, Any], name: str) -> dict[str, Any]:
    return description["components"]["schemas"][name]


def field(description: dict[str, Any], name: str, field_name: str) -> dict[str, Any]:
    return schema(description, name)["properties"][field_name]


def differences(change: Change) -> tuple[list[str], list[str]]:
    changed = copy.deepcopy(SMALL)
    change(changed)
    return compare(facts_of(SMALL), facts_of(changed))


def test_the_description_is_what_was_recorded() -> None:
    broken, harmless = compare(recorded_facts(), facts_of(present_description()))
    lines = [*(["These break clients:"] if broken else []), *broken]
    lines += [*(["These break no client:"] if harmless else []), *harmless]
    assert not lines, "\n".join([*lines, HOW_TO_RECORD])


BREAKING: dict[str, Change] = {
    "path gone": lambda d: d["paths"].pop("/deals"),
    "path renamed": lambda d: d["paths"].update({"/all": d["paths"].pop("/deals")}),
    "method gone": lambda d: d["paths"]["/deals"].pop("post"),
    "parameter gone": lambda d: operation(d)["parameters"].pop(0),
    "parameter renamed": lambda d: parameter(d, 0).update(name="most"),
    "parameter moved": lambda d: parameter(d, 0).update({"in": "header"}),
    "parameter retyped": lambda d: parameter(d, 0)["schema"].update(type="string"),
    "parameter required": lambda d: parameter(d, 0).update(required=True),
    "new parameter required": lambda d: operation(d)["parameters"].append(
        {"in": "query", "name": "owner", "required": True, "schema": {"type": "string"}}
    ),
    "parameter bounded": lambda d: parameter(d, 0)["schema"].update(minimum=5),
    "parameter's bound lowered": lambda d: parameter(d, 0)["schema"].update(maximum=50),
    "parameter's value gone": lambda d: parameter(d, 1)["schema"].update(enum=["age"]),
    "parameter limited to values": lambda d: parameter(d, 2)["schema"].update(enum=["won"]),
    "body's property gone": lambda d: schema(d, "NewDeal")["properties"].pop("amount"),
    "body's property retyped": lambda d: field(d, "NewDeal", "amount").update(type="number"),
    "body's property required": lambda d: schema(d, "NewDeal")["required"].append("amount"),
    "body's new property required": lambda d: (
        schema(d, "NewDeal")["properties"].update(stage={"type": "string"}),
        schema(d, "NewDeal")["required"].append("stage"),
    ),
    "body gone": lambda d: operation(d, "post").pop("requestBody"),
    "status gone": lambda d: operation(d)["responses"].pop("default"),
    "media type changed": lambda d: d["components"]["responses"]["Failed"].update(
        content={"application/json": {"schema": {"type": "object"}}}
    ),
    "header gone": lambda d: operation(d)["responses"]["200"]["headers"].clear(),
    "answer's field gone": lambda d: schema(d, "Deal")["properties"].pop("kind"),
    "answer's field renamed": lambda d: schema(d, "Deal")["properties"].update(
        title=schema(d, "Deal")["properties"].pop("name")
    ),
    "answer's field retyped": lambda d: field(d, "Deal", "name").update(type="integer"),
    "answer's field may be null": lambda d: field(d, "Deal", "name").update(type=["string", "null"]),
    "answer's field may be missing": lambda d: schema(d, "Deal")["required"].clear(),
    "answer's value gone": lambda d: field(d, "Deal", "kind").update(enum=["new"]),
    "answer's list of something else": lambda d: field(d, "Deals", "deals").update(items={"type": "string"}),
    "answer's map of something else": lambda d: field(d, "Deal", "by_type").update(
        additionalProperties={"type": "string"}
    ),
}


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING.keys())
def test_a_change_that_breaks_clients_is_told_as_such(change: Change) -> None:
    broken, _ = differences(change)
    assert broken


HARMLESS: dict[str, Change] = {
    "new path": lambda d: d["paths"].update({"/stages": {"get": {"responses": {"200": {}}}}}),
    "new path with what it requires": lambda d: d["paths"].update(
        {"/stages": {"get": {**operation(d), "parameters": [parameter(d, 2)]}}}
    ),
    "new parameter": lambda d: operation(d)["parameters"].append(
        {"in": "query", "name": "owner", "schema": {"type": "string", "maxLength": 9, "enum": ["a"]}}
    ),
    "parameter may be missing": lambda d: parameter(d, 2).update(required=False),
    "parameter unbounded": lambda d: parameter(d, 0)["schema"].pop("maximum"),
    "parameter's new value": lambda d: parameter(d, 1)["schema"]["enum"].append("size"),
    "body's new property": lambda d: schema(d, "NewDeal")["properties"].update(stage={"type": "string"}),
    "answer's new field": lambda d: schema(d, "Deal")["properties"].update(stage={"type": "string"}),
    "answer's field always there": lambda d: schema(d, "Deal")["required"].append("kind"),
    "answer's new value": lambda d: field(d, "Deal", "kind")["enum"].append("lost"),
    "new header": lambda d: operation(d)["responses"]["200"]["headers"].update(Age={"schema": {"type": "integer"}}),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_change_that_breaks_nobody_is_to_be_recorded_only(change: Change) -> None:
    broken, harmless = differences(change)
    assert not broken
    assert harmless


def test_prose_is_free_to_change() -> None:
    def reword(description: dict[str, Any]) -> None:
        field(description, "Deal", "name").update(description="What it is called.", example="Acme")
        operation(description).update(summary="All deals", description="All deals that there are.")

    assert differences(reword) == ([], [])


def test_the_description_is_made_once_and_not_before_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[str] = []
    register = Blueprint.register_views_in_doc

    def note(blueprint: Blueprint, *arguments: Any, **options: Any) -> None:
        described.append(blueprint.name)
        register(blueprint, *arguments, **options)

    monkeypatch.setattr(Blueprint, "register_views_in_doc", note)
    app = create_app(load_settings({"HUBSPOT_ACCESS_TOKEN": "token", "MONGODB_URI": "mongodb://127.0.0.1:1/"}))
    try:
        assert described == []
        with ThreadPoolExecutor(4) as pool:
            ask = lambda _: app.test_client().get("/api/openapi.json").data  # noqa: E731
            (answer,) = set(pool.map(ask, range(4)))
        assert len(described) == len(set(described)) > 5
        printed = app.test_cli_runner().invoke(args=["openapi", "print"]).output
        assert json.loads(printed) == json.loads(answer)
    finally:
        app.extensions["dealcache"].stop()
