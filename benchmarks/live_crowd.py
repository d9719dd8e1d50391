"""Many WebSocket clients in one thread, which answer pings and note when a message reaches them."""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage

_HANDSHAKE = (
    b"GET /ws/deal-updates HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_PATIENCE = 30.0


class CrowdError(Exception):
    """Not all clients are what they are meant to be."""


@dataclass(eq=False)
class _Member:
    sock: socket.socket
    protocol: Connection = field(default_factory=lambda: Connection(ConnectionType.CLIENT))


class LiveCrowd:
    """Connected clients.

    Args:
        base_url: scheme, host and port of the service.
        count: how many.

    Attributes:
        pings: how many pings were answered.
    """

    def __init__(self, base_url: str, count: int) -> None:
        address = urlsplit(base_url)
        self._selector = selectors.DefaultSelector()
        self._count = count
        self._ended = threading.Event()
        self._messages: dict[str, list[tuple[float, float]]] = {}
        self.pings = 0
        for _ in range(count):
            sock = socket.create_connection((address.hostname or "", address.port or 80), timeout=_PATIENCE)
            self._selector.register(sock, selectors.EVENT_READ, _Member(sock))
            sock.sendall(_HANDSHAKE)
            _read_answer(sock)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def told_of(self, deal_id: str) -> list[tuple[float, float]]:
        """Wait until each client has been told of a deal; when it was noticed and when each heard, seconds since 1970.

        Raises:
            CrowdError: not all are told.
        """
        deadline = time.monotonic() + _PATIENCE
        told = self._messages.setdefault(deal_id, [])
        while len(told) < self._count:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise CrowdError(f"{len(told)} of {self._count} clients were told of a change")
            time.sleep(0.01)
        return told

    def leave(self) -> None:
        """Close all connections.

        Raises:
            CrowdError: some were closed before.
        """
        self._ended.set()
        self._thread.join()
        members: list[_Member] = [key.data for key in self._selector.get_map().values()]
        for member in members:
            member.sock.close()
        self._selector.close()
        if len(members) != self._count:
            raise CrowdError(f"{self._count - len(members)} of {self._count} clients were sent away")

    def _run(self) -> None:
        while not self._ended.is_set():
            # First all that has come, with its time; what it means comes after.
            arrived = [(key.data, key.data.sock.recv(65536), time.time()) for key, _ in self._selector.select(0.2)]
            for member, data, at in arrived:
                self._take(member, data, at)

    def _take(self, member: _Member, data: bytes, at: float) -> None:
        member.protocol.receive_data(data or None)
        for event in member.protocol.events():
            if isinstance(event, TextMessage):
                message = json.loads(event.data)
                noticed = datetime.fromisoformat(message["at"]).timestamp()
                self._messages.setdefault(message["deal_id"], []).append((noticed, at))
            elif isinstance(event, Ping):
                member.sock.sendall(member.protocol.send(event.response()))
                self.pings += 1
            elif isinstance(event, CloseConnection):
                self._selector.unregister(member.sock)
                member.sock.close()


def _read_answer(sock: socket.socket) -> None:
    answer = b""
    while b"\r\n\r\n" not in answer:
        chunk = sock.recv(4096)
        answer += chunk
        if not chunk:
            break
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise CrowdError(f"a client was not let in: {answer[:200]!r}")


@contextmanager
def connected(base_url: str, count: int) -> Iterator[LiveCrowd]:
    """A crowd that leaves at the end."""
    crowd = LiveCrowd(base_url, count)
    try:
        yield crowd
    finally:
        crowd.leave()
