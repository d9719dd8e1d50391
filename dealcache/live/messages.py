"""The JSON messages between clients and the service, one to a text message. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from wsproto.frame_protocol import FrameProtocol

from dealcache.model.deals import deal_name, name_key
from dealcache.model.invalidation import ALL_VIEWS

#: The most names that one client may subscribe to.
MOST_NAMES = 1000


class InvalidMessageError(ValueError):
    """A client sent something that has no meaning here; the text says what is wrong."""


def names_to_subscribe(text: bytes | bytearray) -> list[str]:
    """Return the deal names of ``{"action": "subscribe", "deal_names": […]}``, stripped.

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
    """Return the message that a client is subscribed to the deals of these names, and to no others."""
    return orjson.dumps({"type": "subscribed", "deal_names": list(names)}).decode()


def refused(detail: str) -> str:
    """Return the message that a client's message had no effect."""
    return orjson.dumps({"type": "error", "detail": detail}).decode()


@dataclass(frozen=True, slots=True)
class DealUpdate:
    """A changed deal.

    Attributes:
        deal_id: HubSpot's id.
        deal_name: its present name; empty when it is not known.
        changed: the views that changed, by the names in ``dealcache.model.invalidation``.
        at: when the change was noticed, aware.
        other_names: further names under which it is or was known: clients that asked for one of them get the update
            too.
    """

    deal_id: str
    deal_name: str
    changed: frozenset[str]
    at: datetime
    other_names: frozenset[str] = frozenset()

    @property
    def name_keys(self) -> set[str]:
        """Its names, in the form in which names are compared."""
        return {name_key(name) for name in (self.deal_name, *self.other_names) if name}

    def message(self) -> str:
        """Return the JSON text that clients get."""
        content = {
            "type": "deal.updated",
            "deal_id": self.deal_id,
            "deal_name": self.deal_name,
            "changed": [view for view in ALL_VIEWS if view in self.changed],
            "at": f"{self.at.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z",
        }
        return orjson.dumps(content).decode()


def frames_of(updates: Iterable[DealUpdate]) -> list[bytes]:
    """Return each update as one WebSocket frame, which is the same for all clients of a server."""
    framing = FrameProtocol(client=False, extensions=[])
    return [bytes(framing.send_data(update.message())) for update in updates]
