"""Connections that wait in the event loop, and all of them in the order in which their time runs out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import TConn

#: Bodies up to so many bytes are joined to their heads: to hand both to the kernel is quicker only for longer ones.
_JOINED = 4_096


class Connection(TConn):
    """A connection as gunicorn has it, with what the event loop keeps of it.

    Args:
        cfg: gunicorn's configuration.
        sock: its socket.
        client: the peer's address.
        server: the address that it was accepted at.
        patience: how long it may take to bring a request, in seconds.

    ``received`` is the beginning of a request, or, when ``has_more`` says so, requests that wait for their turn;
    ``unsent`` is what is left of an answer; ``renewed`` is when its time was counted from last (monotonic seconds).
    """

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any, patience: float) -> None:
        super().__init__(cfg, sock, client, server)
        self._patience = patience
        self.received = b""
        self.has_more = False
        self.unsent: list[memoryview] = []
        self.renewed = 0.0

    def set_timeout(self) -> None:
        """Count its time from now."""
        self.renewed = time.monotonic()
        self.timeout = self.renewed + self._patience

    def send(self, head: bytes, body: bytes) -> bool:
        """Send as much of an answer as the client takes now, and keep the rest; whether nothing is left.

        Raises:
            OSError: the client has gone.
        """
        try:
            sent = self.sock.send(head + body) if len(body) <= _JOINED else self.sock.sendmsg((head, body))
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent == len(head) + len(body):
            return True
        self.unsent = [memoryview(head)[sent:], memoryview(body)[max(0, sent - len(head)) :]]
        return False

    def send_more(self) -> bool:
        """Send as much of the rest as the client takes now; whether nothing is left.

        Raises:
            OSError: the client has gone.
        """
        try:
            while self.unsent:
                sent = self.sock.send(self.unsent[0])
                self.unsent[0] = self.unsent[0][sent:]
                if not self.unsent[0]:
                    del self.unsent[0]
        except (BlockingIOError, InterruptedError):
            return False
        return True

    @property
    def is_open(self) -> bool:
        """Whether it is ours still: neither closed nor, as a WebSocket, somebody else's."""
        return bool(self.sock.fileno() != -1)

    def has_read_on(self, request: Future[Any]) -> bool:
        """Whether it stays after a request that a thread is done with, and something of the next one was read."""
        if not self.is_open or not self.parser.unreader.buf.getbuffer().nbytes:
            return False
        return not request.cancelled() and request.exception() is None and bool(request.result())

    @property
    def is_busy(self) -> bool:
        """Whether a request has begun, or an answer is not out yet."""
        return bool(self.received or self.unsent)


class WaitingConnections:
    """The connections that are in the event loop's hands; in place of gunicorn's deque, from which removing is slow."""

    def __init__(self) -> None:
        self._ordered: dict[Connection, None] = {}

    def append(self, connection: Connection) -> None:
        """Add one, whose time runs out last."""
        self._ordered[connection] = None

    def remove(self, connection: Connection) -> None:
        """Take one out.

        Raises:
            KeyError: it is not there.
        """
        del self._ordered[connection]

    def renew(self, connection: Connection) -> None:
        """Put one that is there at the end."""
        del self._ordered[connection]
        self._ordered[connection] = None

    def __getitem__(self, index: int) -> Connection:
        """The connection whose time runs out first; no other is asked for."""
        if index != 0 or not self._ordered:
            raise IndexError(index)
        return next(iter(self._ordered))

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._ordered)

    def __len__(self) -> int:
        return len(self._ordered)
