"""Clients that stall: connections that send too little, too slowly or for ever, or do not read what they asked for.

Use::

    with StalledConnections(("127.0.0.1", 8000), {"head without end": 80, "answers unread": 20}) as stalled:
        ...  # what has to go on meanwhile
    stalled.statuses  # what the service said to them, by status
    stalled.ended  # how many connections the service has ended

``KINDS`` names the kinds. The address is a pair of host and port, or the path of a Unix socket. One thread serves all
connections; with ``again`` one that the service has ended is opened anew a second later, so that the attack lasts.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

_WEBHOOKS = b"POST /api/hubspot/webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_CHUNKED = _WEBHOOKS + b"Transfer-Encoding: chunked\r\n\r\n"
_LONG_FIELD = b"X-%d: " + b"a" * 1_800 + b"\r\n"
_LARGE = b"GET /api/docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: Seconds until a connection is opened anew.
_AGAIN_SECONDS = 1.0

Address = tuple[str, int] | str


class Kind(NamedTuple):
    """A way to stall: bytes sent at once, bytes sent every ``pause`` seconds, and whether the client reads."""

    opening: bytes
    drip: bytes = b""
    pause: float = 1.0
    reads: bool = True
    half_closes: bool = False


KINDS: Mapping[str, Kind] = {
    "silent": Kind(b""),
    "head without end": Kind(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X-Long: 123456789\r\n" * 3_800),
    "head of long fields": Kind(b"GET /healthz HTTP/1.1\r\n" + b"".join(_LONG_FIELD % n for n in range(40))),
    "head a byte a second": Kind(b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"a"),
    "no body": Kind(_WEBHOOKS + b"Content-Length: 1000\r\n\r\n"),
    "no body, which is awaited": Kind(_WEBHOOKS + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"),
    "body a byte a second": Kind(_WEBHOOKS + b"Content-Length: 1000\r\n\r\n[", b" "),
    "large body without its end": Kind(_WEBHOOKS + b"Content-Length: 300000\r\n\r\n" + b" " * 299_999),
    "chunks without end": Kind(_CHUNKED, b"1\r\n \r\n", pause=0.5),
    "chunk without content": Kind(_CHUNKED + b"3e8\r\n"),
    "chunk extensions without end": Kind(_CHUNKED + b"1;" + b"a=b;" * 1_000, b"a=b;", pause=0.5),
    "trailers without end": Kind(_CHUNKED + b"1\r\n \r\n0\r\n", b"X-Trailer: a\r\n", pause=0.5),
    "body in a plain read": Kind(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"),
    "answers unread": Kind(_LARGE * 10, reads=False),
    "answers unread, half closed": Kind(_LARGE * 10, reads=False, half_closes=True),
    "end unread": Kind(_LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), reads=False),
    "kept open after the end": Kind(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
}


class _Connection:
    def __init__(self, name: str, sock: socket.socket) -> None:
        self.name, self.kind, self.sock = name, KINDS[name], sock
        self.unsent = self.kind.opening
        self.drips_at = 0.0
        self.head = b""


class StalledConnections:
    """Connections that stall, from the moment at which the context is entered to the one at which it is left.

    Args:
        address: the service: host and port, or the path of a Unix socket.
        counts: how many connections of each of :data:`KINDS`.
        again: whether a connection that the service has ended is opened anew.
    """

    def __init__(self, address: Address, counts: Mapping[str, int], again: bool = False) -> None:
        self._address = address
        self._counts = counts
        self._again = again
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stalled connections", daemon=True)
        self._open: set[_Connection] = set()
        self._due: deque[tuple[float, str]] = deque()
        #: The first status that each connection was told, and how many connections the service has ended, by kind.
        self.statuses: Counter[int] = Counter()
        self.ended: Counter[str] = Counter()
        self.refused = 0

    def __enter__(self) -> StalledConnections:
        for name, count in self._counts.items():
            for _ in range(count):
                self._connect(name)
        self._thread.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._stopping.set()
        self._thread.join()
        for one in self._open:
            one.sock.close()
        self._selector.close()

    @property
    def open(self) -> int:
        """The number of these connections that the service has not ended."""
        return len(self._open)

    def _connect(self, name: str) -> None:
        sock = socket.socket(socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET)
        sock.settimeout(2)
        try:
            sock.connect(self._address)
        except OSError:
            self.refused += 1
            sock.close()
            return
        sock.setblocking(False)
        one = _Connection(name, sock)
        self._open.add(one)
        self._selector.register(sock, selectors.EVENT_READ, one)
        self._send(one)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(0.1):
                self._read(key.data)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._connect(self._due.popleft()[1])
            for one in list(self._open):
                if not one.kind.reads and one.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self._end(one)  # who does not read learns no other way
                elif one.unsent:
                    self._send(one)
                elif one.kind.drip and now >= one.drips_at:
                    one.unsent, one.drips_at = one.kind.drip, now + one.kind.pause
                    self._send(one)

    def _send(self, one: _Connection) -> None:
        try:
            one.unsent = one.unsent[one.sock.send(one.unsent) :] if one.unsent else b""
            if not one.unsent and one.kind.half_closes:
                one.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            one.unsent = b""  # the end is found where it is read

    def _read(self, one: _Connection) -> None:
        try:
            data = one.sock.recv(4_096, 0 if one.kind.reads else socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(one)
            return
        if not one.kind.reads:
            self._selector.unregister(one.sock)
        if not one.head:
            found = re.match(rb"HTTP/1.1 (\d+)", data)
            self.statuses[int(found[1]) if found else 0] += 1
        one.head = data

    def _end(self, one: _Connection) -> None:
        self.ended[one.name] += 1
        self._open.discard(one)
        with contextlib.suppress(KeyError):
            self._selector.unregister(one.sock)
        if one.name == "kept open after the end":
            self._open.add(one)  # its end of the connection stays
            return
        one.sock.close()
        if self._again:
            self._due.append((time.monotonic() + _AGAIN_SECONDS, one.name))
