"""Takes HubSpot's JSON apart and calls anything unexpected by its name.

Whoever reads HubSpot's JSON goes through here, so that an odd answer is a :class:`MalformedAnswer` and never a
``KeyError`` somewhere up the stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dealcache.hubspot.errors import MalformedAnswer, Unavailable

#: A JSON object of HubSpot, as it came.
Json = Mapping[str, Any]


def object_in(container: Json, name: str) -> Json:
    """The object ``name`` of ``container``, empty when absent or null."""
    value = container.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedAnswer(f"{name!r} is not an object")
    return value


def objects_in(container: Json, name: str, *, required: bool = False) -> list[Json]:
    """The list ``name`` of ``container``, all objects; absent or null counts as empty unless ``required``."""
    value = container.get(name)
    if value is None and not required:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedAnswer(f"{name!r} is not a list of objects")
    return value


def id_in(container: Json, name: str = "id") -> str:
    """The id ``name`` of ``container`` as a string: HubSpot writes a number in some places."""
    value = container.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise MalformedAnswer(f"{name!r} is not an id")


def text_in(container: Json, name: str) -> str:
    """The text ``name`` of ``container``, ``""`` when absent or null; a number becomes its digits."""
    value = container.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise MalformedAnswer(f"{name!r} is not a text")


def whole_in(container: Json, name: str) -> int:
    """The whole number ``name`` of ``container``, 0 when there is none."""
    value = container.get(name)
    return value if isinstance(value, int) else 0


def next_after(container: Json) -> str | None:
    """The cursor of the next page, None on the last."""
    after = text_in(object_in(object_in(container, "paging"), "next"), "after")
    return after or None


def records_of(answer: Json) -> list[Json]:
    """The records of a list, search or batch answer, each with an id and properties; archived ones left out.

    Raises:
        MalformedAnswer: another shape.
    """
    return [record for record in _records(answer) if record.get("archived") is not True]


def archived_records_of(answer: Json) -> list[Json]:
    """The records of a list of archived ones; those that say they are not archived, or no longer, are left out.

    Raises:
        MalformedAnswer: another shape.
    """
    return [record for record in _records(answer) if record.get("archived") is not False]


def check_batch(answer: Json) -> None:
    """Accept a batch answer whose only faults are records that do not exist.

    HubSpot answers 207 when parts of a batch failed, and names the reasons in ``errors``. A record that is gone, or one
    without associations, is an answer; any other reason means that we do not know.

    Raises:
        Unavailable: parts of the answer are missing.
    """
    status = text_in(answer, "status")
    if status not in ("", "COMPLETE"):
        raise Unavailable(f"a batch was left in the state {_named(status)}")
    for error in objects_in(answer, "errors"):
        category = text_in(error, "category")
        if category != "OBJECT_NOT_FOUND":
            raise Unavailable(f"a batch was answered only in part: {_named(category)}")


def _named(value: str) -> str:
    return value if value.isascii() and value.isidentifier() and value.isupper() else "unknown"


def _records(answer: Json) -> list[Json]:
    records = objects_in(answer, "results", required=True)
    for record in records:
        id_in(record)
        object_in(record, "properties")
    return records
