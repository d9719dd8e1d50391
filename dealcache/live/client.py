"""One client: its connection, and the socket under it. Nothing here waits."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable

from dealcache.live.connection import LiveConnection
from dealcache.live.subscription import Subscription

#: Bytes that the kernel may buffer for a client, which it doubles. By default it would buffer megabytes, and a slow
#: client would be noticed that much later.
_SEND_BUFFER = 64 * 1024

_CHUNK = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Client:
    """A client. It exists before its socket does, so that it misses nothing from the moment it is admitted.

    Args:
        subscription: what it asked for in the handshake.
        selector: watches its socket, on its behalf.
        clock: the monotonic clock, in seconds.

    Attributes:
        connection: its WebSocket; :meth:`flush` sends what waits there.
        pinged: True while the answer to a ping is due.
    """

    __slots__ = ("_selector", "_sock", "_writing", "connection", "pinged")

    def __init__(
        self,
        subscription: Subscription,
        selector: selectors.BaseSelector,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = LiveConnection(subscription, clock)
        self.pinged = False
        self._selector = selector
        self._sock: socket.socket | None = None
        self._writing = False

    @property
    def is_connected(self) -> bool:
        """True while it has its socket."""
        return self._sock is not None

    def connect(self, sock: socket.socket) -> None:
        """Take over a socket."""
        self._sock = sock
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._selector.register(sock, selectors.EVENT_READ, self)

    def read(self) -> bytes | None:
        """Return the received bytes; empty at the end, None if there are none yet.

        Raises:
            OSError: the connection broke.
        """
        if self._sock is None:
            return None
        try:
            return self._sock.recv(_CHUNK)
        except BlockingIOError:
            return None

    def flush(self) -> bool:
        """Send as much as the socket takes; the selector reports when it takes more.

        Returns:
            False if that was the last, and the socket must be closed.

        Raises:
            OSError: the connection broke.
        """
        outgoing = self.connection.outgoing
        if self._sock is None:
            return True
        while outgoing.size:
            try:
                outgoing.sent(self._sock.send(outgoing.first()))
            except BlockingIOError:
                break
        if bool(outgoing.size) != self._writing:
            self._writing = not self._writing
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._writing else 0)
            self._selector.modify(self._sock, events, self)
        if self._writing:
            return True
        if self.connection.has_failed:
            # It must read the reason before it sees the end; closing now could discard bytes that it has not read yet.
            self._sock.shutdown(socket.SHUT_WR)
        return not self.connection.is_over

    def close(self, reset: bool = False) -> None:
        """Close the socket; with ``reset`` the kernel discards at once what the client has not taken."""
        self.connection.outgoing.clear()
        sock, self._sock = self._sock, None
        if sock is None:
            return
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if sock in self._selector.get_map():
            self._selector.unregister(sock)
        sock.close()
