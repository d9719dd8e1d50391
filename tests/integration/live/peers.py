"""Clients of live updates as they are in another process: a socket, and wsproto on it."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import Any

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, TextMessage

from dealcache.live.messages import DealUpdate
from dealcache.model.invalidation import INFO

AT = datetime(2026, 11, 25, tzinfo=UTC)


def update(name: str, deal_id: str = "1") -> DealUpdate:
    return DealUpdate(deal_id, name, frozenset({INFO}), AT)


class Peer:
    """The other end of a connection.

    Args:
        sock: a connected socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(60)
        self.protocol = Connection(ConnectionType.CLIENT)
        self.at_end = False
        self._events: list[Event] = []
        self._text = ""

    def send(self, event: Event) -> None:
        self.sock.sendall(self.protocol.send(event))

    def subscribe(self, *names: str) -> None:
        self.send(TextMessage(json.dumps({"action": "subscribe", "deal_names": names})))

    def events(self) -> list[Event]:
        """All that is there, without waiting for more."""
        self.sock.setblocking(False)
        try:
            while not self.at_end:
                self._read()
        except BlockingIOError:
            pass
        finally:
            self.sock.settimeout(60)
        events, self._events = self._events, []
        return events

    def next(self) -> Event:
        """The next event; waits for it."""
        while not self._events:
            assert not self.at_end, "the connection has ended"
            self._read()
        return self._events.pop(0)

    def _read(self) -> None:
        data = self.sock.recv(65536)
        self.at_end = not data
        if data:
            self.protocol.receive_data(data)
            for event in self.protocol.events():
                self._take(event)

    def _take(self, event: Event) -> None:
        """Keep an event; a message as one, however it came."""
        if not isinstance(event, TextMessage):
            self._events.append(event)
            return
        self._text += event.data
        if event.message_finished:
            self._events.append(TextMessage(self._text))
            self._text = ""

    def message(self) -> dict[str, Any]:
        """The next message; waits for it."""
        event = self.next()
        assert isinstance(event, TextMessage), event
        return json.loads(event.data)

    def names(self) -> list[str]:
        """The deals that it has been told of, without waiting for more."""
        return [json.loads(event.data)["deal_name"] for event in self.events() if isinstance(event, TextMessage)]

    def pinged(self) -> Ping:
        (event,) = self.events()
        assert isinstance(event, Ping)
        return event

    def closed(self) -> CloseConnection:
        event = self.next()
        assert isinstance(event, CloseConnection)
        return event

    def ends(self) -> bool:
        """Return True if the other side closes the connection in an orderly way; waits for it."""
        return not self.is_reset()

    def is_reset(self) -> bool:
        """Return True if the other side gives the connection up, with what it had still to say; waits for the end."""
        try:
            while not self.at_end:
                self._read()
        except ConnectionResetError:
            return True
        return False
