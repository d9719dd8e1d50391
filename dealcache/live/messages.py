"""What clients say, and what they are answered: JSON objects, one to a text message. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from dealcache.deals import deal_name

#: The most names that one client may subscribe to.
MOST_NAMES = 1000


class InvalidMessageError(ValueError):
    """A client said something that means nothing here; the text tells it what is wrong."""


def names_to_subscribe(text: bytes | bytearray) -> list[str]:
    """The deal names of ``{"action": "subscribe", "deal_names": […]}``, stripped.

    Raises:
        InvalidMessageError: it is no such message, or a name cannot be one.
    """
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidMessageError("The message is not valid JSON.") from None
    if not isinstance(message, dict) or message.get("action") != "subscribe":
        raise InvalidMessageError('action: Must be "subscribe", in a JSON object.')
    names = message.get("deal_names")
    if not isinstance(names, list) or len(names) > MOST_NAMES:
        raise InvalidMessageError(f"deal_names: Must be a list of {MOST_NAMES} names at most.")
    return [_checked(name, place) for place, name in enumerate(names)]


def _checked(name: Any, place: int) -> str:
    if not isinstance(name, str):
        raise InvalidMessageError(f"deal_names[{place}]: Must be a text.")
    try:
        return deal_name(name)
    except ValueError as error:
        raise InvalidMessageError(f"deal_names[{place}]: {error}") from None


def subscribed(names: Iterable[str]) -> str:
    """That a client hears of the deals of these names from now on, and of no others."""
    return orjson.dumps({"type": "subscribed", "deal_names": list(names)}).decode()


def refused(detail: str) -> str:
    """That what a client said had no effect."""
    return orjson.dumps({"type": "error", "detail": detail}).decode()
