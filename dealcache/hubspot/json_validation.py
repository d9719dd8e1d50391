"""Checked access to HubSpot's JSON.

An answer of an unexpected shape raises :class:`MalformedAnswer` here, never a ``KeyError`` somewhere up the stack. A
fault of a single record concerns only that record: :class:`Fields` reads as much of it as it can.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dealcache.hubspot.errors import MalformedAnswer
from dealcache.model.deal_properties import number_of
from dealcache.model.timestamps import parse_timestamp

#: A JSON object of HubSpot, as received.
Json = Mapping[str, Any]

_SURROGATES = re.compile("[\ud800-\udfff]")

#: The longest id in characters. HubSpot's have a dozen digits; ids of stages and pipelines are free text.
LONGEST_ID = 100

#: The longest text of one line: as much as HubSpot takes ("single-line text").
LONGEST_LINE = 65_536


class Fields:
    """The values of one JSON object, each read by itself: a value that cannot be read counts as empty.

    Args:
        values: the object; anything else counts as an empty one.
        unreadable: receives the names of present values that cannot be read.
        name: the object's name among them.
    """

    def __init__(self, values: object, unreadable: list[str], name: str) -> None:
        self._unreadable = unreadable
        self._values: Json = values if isinstance(values, dict) else {}
        if values is not None and not isinstance(values, dict):
            unreadable.append(name)

    def text(self, name: str, most: int = LONGEST_LINE) -> str:
        """Return up to ``most`` characters of a text, ``""`` if there is none; a number becomes its digits."""
        value = self._values.get(name)
        try:
            text = text_in(self._values, name)
        except MalformedAnswer:
            text = ""
        if (not text and value not in (None, "")) or len(text) > most:
            self._unreadable.append(name)
        text = text[:most]
        # Halves of surrogate pairs, which no database takes and no answer of ours can hold.
        return text if text.isascii() else _SURROGATES.sub("\ufffd", text)

    def first_timestamp(self, *names: str) -> datetime | None:
        """Return the time in the first of ``names`` that holds one, None if none does."""
        for name in names:
            value = self._values.get(name)
            if value is None or value == "":
                continue
            if (found := parse_timestamp(value)) is not None:
                return found
            self._unreadable.append(name)
        return None

    def number(self, name: str) -> float | None:
        """Return a finite number, None if there is none."""
        text = self.text(name)
        found = number_of(text)
        if found is None and text.strip():
            self._unreadable.append(name)
        return found

    def id(self, name: str) -> str | None:
        """Return an id, None if there is none."""
        value = self._values.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        found = usable_id(value)
        if found is None:
            self._unreadable.append(name)
        return found

    def whole(self, name: str) -> int:
        """Return a whole number, 0 if there is none."""
        return whole_in(self._values, name)

    def flag(self, name: str) -> bool:
        """Return True if ``name`` is true."""
        return flag_in(self._values, name) is True

    def object(self, name: str) -> Fields:
        """Return an object, an empty one if there is none."""
        return Fields(self._values.get(name), self._unreadable, name)

    def objects(self, name: str) -> list[Json]:
        """Return the objects of a list."""
        value = self._values.get(name)
        items = value if isinstance(value, list) else []
        found: list[Json] = [item for item in items if isinstance(item, dict)]
        if (value is not None and not isinstance(value, list)) or len(found) < len(items):
            self._unreadable.append(name)
        return found


def usable_id(value: object) -> str | None:
    """Return ``value`` as an id, None if it cannot be one: HubSpot writes ids as texts, in some places as numbers."""
    if isinstance(value, str) and value.isdigit() and len(value) <= LONGEST_ID:
        return value  # nearly all of them, which are many
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**LONGEST_ID else ""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if text and len(text) <= LONGEST_ID and text.isprintable() else None


def object_in(container: Json, name: str) -> Json:
    """Return the object ``name`` of ``container``, an empty one if absent or null."""
    value = container.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedAnswer(f"{name!r} is not an object")
    return value


def listed_in(container: Json, name: str) -> list[Any]:
    """Return the list ``name`` of ``container``; its items are unchecked."""
    value = container.get(name)
    if not isinstance(value, list):
        raise MalformedAnswer(f"{name!r} is not a list")
    return value


def id_in(container: Json) -> str:
    """Return the ``id`` of ``container``."""
    found = usable_id(container.get("id"))
    if found is None:
        raise MalformedAnswer("'id' is not an id")
    return found


def text_in(container: Json, name: str) -> str:
    """Return the text ``name`` of ``container``, ``""`` if absent or null; a number becomes its digits."""
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
    """Return the whole number ``name`` of ``container``, 0 if there is none or one of more than 32 bits."""
    value = container.get(name)
    number = number_of(value) if isinstance(value, str) else value
    fits = isinstance(number, int | float) and abs(number) < 2**31
    return int(number) if fits and number is not None else 0


def flag_in(container: Json, name: str) -> bool | None:
    """Return True or False as ``name`` of ``container`` says, None if it does not; properties hold it as a text."""
    value = container.get(name)
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def next_after(container: Json) -> str | None:
    """Return the cursor of the next page, None on the last."""
    after = text_in(object_in(object_in(container, "paging"), "next"), "after")
    return after or None
