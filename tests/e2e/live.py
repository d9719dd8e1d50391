"""A client of live updates, as a program in another process would be."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.e2e.programs import Gunicorn
from tests.waiting import PATIENCE

PATH = "/ws/deal-updates"


class LiveClient:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def message(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next message; waits for it."""
        return json.loads(self.connection.recv(timeout=seconds))

    def until_told_of(self, name: str) -> dict[str, Any]:
        """The next message about a deal; waits for it."""
        while (message := self.message())["deal_name"] != name:
            pass
        return message

    def told_before(self, name: str) -> list[dict[str, Any]]:
        """All messages before the first one about a deal; waits for that. They come in the order of the changes."""
        messages = []
        while (message := self.message())["deal_name"] != name:
            messages.append(message)
        return messages

    def subscribe(self, *names: str) -> None:
        """Narrow it to these deals, and wait until that is confirmed."""
        self.connection.send(json.dumps({"action": "subscribe", "deal_names": names}))
        while (message := self.message())["type"] != "subscribed":
            pass
        assert message["deal_names"] == list(names)


@contextmanager
def live_client(service: Gunicorn, query: str = "", headers: Mapping[str, str] | None = None) -> Iterator[LiveClient]:
    """A connected client."""
    url = f"ws://127.0.0.1:{service.port}{PATH}{query}"
    with connect(url, additional_headers=headers, open_timeout=60) as connection:
        yield LiveClient(connection)


def subscription(*names: str) -> bytes:
    """A text frame of a client that subscribes to deals; the mask is zero."""
    text = json.dumps({"action": "subscribe", "deal_names": names}).encode()
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def handshake(service: Gunicorn, query: str = "", **headers: str) -> bytes:
    """A handshake as bytes."""
    lines = {
        "Host": f"127.0.0.1:{service.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {PATH}{query} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


def raw_client(service: Gunicorn, more: bytes = b"", buffer: int | None = None) -> tuple[socket.socket, bytes]:
    """A connection on which the handshake has been made, and what came behind its answer.

    Args:
        service: who is asked.
        more: sent together with the handshake.
        buffer: how many bytes the kernel may keep of what is not read.
    """
    sock = socket.socket()
    if buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(60)
    sock.connect(("127.0.0.1", service.port))
    sock.sendall(handshake(service) + more)
    answer = b""
    while b"\r\n\r\n" not in answer:
        chunk = sock.recv(4096)
        assert chunk, answer
        answer += chunk
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    return sock, rest
