"""What subscribers are told: that a deal changed, and what of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from wsproto.frame_protocol import FrameProtocol

from dealcache.changes import ALL_VIEWS
from dealcache.deals import name_key


@dataclass(frozen=True, slots=True)
class DealUpdate:
    """A deal of which something changed.

    Attributes:
        deal_id: HubSpot's id.
        deal_name: its name by now; empty when nobody knows it.
        changed: the views that changed, by the names in :mod:`dealcache.changes`.
        at: when it was noticed, aware.
        other_names: further names under which it is or was known: who asked for one of them is told too.
    """

    deal_id: str
    deal_name: str
    changed: frozenset[str]
    at: datetime
    other_names: frozenset[str] = frozenset()

    @property
    def name_keys(self) -> set[str]:
        """All its names, in the form in which names are compared."""
        return {name_key(name) for name in (self.deal_name, *self.other_names) if name}

    def message(self) -> str:
        """The JSON text that clients get."""
        content = {
            "type": "deal.updated",
            "deal_id": self.deal_id,
            "deal_name": self.deal_name,
            "changed": [view for view in ALL_VIEWS if view in self.changed],
            "at": f"{self.at.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z",
        }
        return orjson.dumps(content).decode()


def frames_of(updates: Iterable[DealUpdate]) -> list[bytes]:
    """Each update as one WebSocket frame; a server's frames are the same for all clients, so they are made once."""
    framing = FrameProtocol(client=False, extensions=[])
    return [bytes(framing.send_data(update.message())) for update in updates]
