"""Facts of the OpenAPI description that clients may rely on, one a line; run as a module, it records them anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dealcache.app import create_app
from dealcache.settings import load_settings

RECORD = Path(__file__).with_name("openapi.txt")

_SEPARATOR = " :: "
_LIMITS = ("default", "maximum", "minimum", "maxItems", "minItems", "maxLength", "minLength", "pattern")
_METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}

#: Sent by clients, who must get along with every change, or read by them.
_SENT, _READ = "request", "response"


class Differences(NamedTuple):
    """Differences between a description and the record: those that break clients, and harmless ones."""

    broken: list[str]
    harmless: list[str]


def present_description() -> dict[str, Any]:
    """Return the service's own description; nothing is connected to for it."""
    settings = {"HUBSPOT_ACCESS_TOKEN": "token", "MONGODB_URI": "mongodb://127.0.0.1:1/"}
    app = create_app(load_settings(settings))
    try:
        return app.test_client().get("/api/openapi.json").get_json()
    finally:
        app.extensions["dealcache"].stop()


def facts_of(description: dict[str, Any]) -> set[str]:
    """Return the facts of a description; prose and examples are none."""
    facts = set(_operations(description))
    schemas = description.get("components", {}).get("schemas", {})
    for side in (_SENT, _READ):
        facts |= _schemas_reached(schemas, side, facts)
    return facts


def compare(recorded: set[str], present: set[str]) -> Differences:
    """Return what differs, sorted."""
    places = {_split(fact)[0] for fact in recorded}
    enums = {place for place, kind, _ in map(_split, recorded) if kind == "enum"}
    lost = {fact for fact in recorded - present if _loss_breaks(fact)}
    new = {fact for fact in present - recorded if _gain_breaks(fact, places, enums)}
    broken = [f"- {fact}" for fact in lost] + [f"+ {fact}" for fact in new]
    harmless = [f"- {fact}" for fact in recorded - present - lost] + [f"+ {fact}" for fact in present - recorded - new]
    return Differences(sorted(broken, key=_by_place), sorted(harmless, key=_by_place))


def recorded_facts() -> set[str]:
    """Return what was recorded last."""
    return set(RECORD.read_text("utf-8").splitlines())


def record() -> None:
    """Record the present facts."""
    RECORD.write_text("".join(f"{fact}\n" for fact in sorted(facts_of(present_description()))), "utf-8")


def _by_place(line: str) -> str:
    return line[2:] + line[:2]


def _loss_breaks(fact: str) -> bool:
    place, kind, _ = _split(fact)
    return not (_is_sent(place) and (kind == "required" or kind in _LIMITS[1:]))


def _gain_breaks(fact: str, places: set[str], enums: set[str]) -> bool:
    place, kind, _ = _split(fact)
    if not _is_sent(place):
        return False
    if kind == "required":
        return _parent(place) in places
    return place in places and (kind in _LIMITS[1:] or (kind == "enum" and place not in enums))


def _parent(place: str) -> str:
    """Return the operation that a parameter belongs to, or the object that has a property."""
    owner, dot, _ = place.rpartition(".")
    return owner if dot and place.startswith(_SENT) else " ".join(place.split(" ")[1:3])


def _is_sent(place: str) -> bool:
    return place.startswith(_SENT + " ")


def _split(fact: str) -> tuple[str, str, str]:
    place, _, rest = fact.partition(_SEPARATOR)
    kind, _, value = rest.partition(" ")
    return place, kind, value


def _fact(place: str, kind: str, value: Any = None) -> str:
    return f"{place}{_SEPARATOR}{kind}" + ("" if value is None else f" {json.dumps(value, ensure_ascii=False)}")


def _operations(description: dict[str, Any]) -> Iterator[str]:
    for path, item in description["paths"].items():
        for method in item.keys() & _METHODS:
            operation, name = item[method], f"{method.upper()} {path}"
            yield _fact(name, "exists")
            for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
                yield from _parameter(name, parameter)
            body = operation.get("requestBody", {})
            yield from _contents(f"{_SENT} {name} body", body)
            if body.get("required"):
                yield _fact(f"{_SENT} {name} body", "required")
            for status, response in operation["responses"].items():
                yield from _response(f"{_READ} {name} {status}", _resolved(description, response))


def _parameter(operation: str, parameter: dict[str, Any]) -> Iterator[str]:
    place = f"{_SENT} {operation} {parameter['in']} {parameter['name']}"
    yield _fact(place, "exists")
    if parameter.get("required"):
        yield _fact(place, "required")
    yield from _schema(place, parameter["schema"], _SENT)


def _response(place: str, response: dict[str, Any]) -> Iterator[str]:
    yield _fact(place, "exists")
    yield from _contents(place, response)
    for name, header in response.get("headers", {}).items():
        yield from _schema(f"{place} header {name}", header["schema"], _READ)


def _contents(place: str, holder: dict[str, Any]) -> Iterator[str]:
    for media, content in holder.get("content", {}).items():
        yield from _schema(f"{place} {media}", content.get("schema", {}), place.split(" ")[0])


def _schema(place: str, schema: dict[str, Any], side: str) -> Iterator[str]:
    if "$ref" in schema:
        yield _fact(place, "is", schema["$ref"].rpartition("/")[2])
        return
    yield _fact(place, "type", schema.get("type", "any"))
    if "format" in schema:
        yield _fact(place, "format", schema["format"])
    yield from (_fact(place, "enum", value) for value in schema.get("enum", []))
    if side == _SENT:
        yield from (_fact(place, limit, schema[limit]) for limit in _LIMITS if limit in schema)
    for name, field in schema.get("properties", {}).items():
        yield from _schema(f"{place}.{name}", field, side)
    yield from (_fact(f"{place}.{name}", "required") for name in schema.get("required", []))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _schema(f"{place}.*", schema["additionalProperties"], side)
    if "items" in schema:
        yield from _schema(f"{place}[]", schema["items"], side)
    for word in ("anyOf", "oneOf", "allOf"):
        for number, choice in enumerate(schema.get(word, [])):
            yield from _schema(f"{place}({word} {number})", choice, side)


def _schemas_reached(schemas: dict[str, Any], side: str, facts: set[str]) -> set[str]:
    """Return the facts of those named schemas that one side uses."""
    found: set[str] = set()
    waiting, seen = _named(side, facts), set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        found |= set(_schema(f"{side} {name}", schemas[name], side))
        waiting |= _named(side, found) - seen
    return found


def _named(side: str, facts: set[str]) -> set[str]:
    parts = map(_split, facts)
    return {json.loads(value) for place, kind, value in parts if kind == "is" and place.startswith(f"{side} ")}


def _resolved(description: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in response:
        return response
    return description["components"]["responses"][response["$ref"].rpartition("/")[2]]


if __name__ == "__main__":
    record()
