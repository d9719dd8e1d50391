"""Connections of the event loop: their sockets never block, and what a client does not take yet is kept."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import sys
import termios
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import TConn

from dealcache.server.phases import ENOUGH, Phase

if TYPE_CHECKING:
    from dealcache.server.answering import Answering
    from dealcache.server.incoming import Incoming

#: Bodies up to this many bytes are joined to their heads: passing both to the kernel is quicker only for longer ones.
_JOINED = 4_096


class Next(Enum):
    """The step that follows when an answer, or as much of it as there is, has been taken."""

    REQUEST = "the next request"
    PIECES = "more of the same answer"
    END = "the end of the connection"


class ClientGoneError(Exception):
    """The client has closed its connection, or broken it."""


class Connection(TConn):
    """A connection as gunicorn has it, with what the event loop keeps of it.

    It accepts everything that is sent, and never waits. Only one thread has a connection at a time: the event loop, or
    the one in which its request is answered.

    ``received`` is the beginning of a request or, if ``has_more`` is True, requests that wait for their turn;
    ``incoming`` is a request whose body is still incomplete; ``answering`` is the request that the application works
    on; ``unsent`` is the rest of an answer, and ``after`` the step that follows it; ``watched`` is the event that the
    loop has asked the kernel for; ``renewed`` is when its time was last restarted (monotonic seconds).
    """

    timeout: float

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.received = b""
        self.has_more = False
        self.incoming: Incoming | None = None
        self.answering: Answering | None = None
        self.unsent: deque[memoryview] = deque()
        self.after = Next.REQUEST
        self.phase: Phase | None = None
        self.watched = 0
        self.renewed = 0.0
        self.discarded = 0
        self._moved = self._sent = self._taken = 0

    def send(self, head: bytes, body: bytes = b"") -> bool:
        """Send as much as the client takes now, after the bytes kept before, and keep the rest.

        Returns:
            True if nothing is left.

        Raises:
            ClientGoneError: the client has closed or broken the connection.
        """
        sent = 0
        if not self.unsent:
            try:
                sent = self.sock.send(head + body) if len(body) <= _JOINED else self.sock.sendmsg((head, body))
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                raise ClientGoneError(str(error)) from None
            if sent == len(head) + len(body):
                return True
        rest = memoryview(head)[sent:], memoryview(body)[max(0, sent - len(head)) :]
        self.unsent.extend(part for part in rest if part)
        return False

    def send_more(self) -> None:
        """Send as much of the bytes kept as the client takes now.

        Raises:
            ClientGoneError: the client has closed or broken the connection.
        """
        try:
            while self.unsent:
                sent = self.sock.send(self.unsent[0])
                self._sent += sent
                if sent == len(self.unsent[0]):
                    self.unsent.popleft()
                else:
                    self.unsent[0] = self.unsent[0][sent:]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            raise ClientGoneError(str(error)) from None

    def cut(self) -> None:
        """Shut both directions down; another owner of the socket finds its end."""
        with contextlib.suppress(OSError):  # it has ended already
            self.sock.shutdown(socket.SHUT_RDWR)

    def reset_on_close(self) -> None:
        """Have the kernel discard what the client has not taken, instead of keeping it for some minutes more."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @property
    def unsent_bytes(self) -> int:
        """The bytes of an answer that are kept."""
        return sum(map(len, self.unsent))

    def moves(self, count: int) -> bool:
        """Note that ``count`` bytes have moved; return True if that is enough for its time to restart."""
        self._moved += count
        if self._moved < ENOUGH:
            return False
        self._moved = 0
        return True

    def begin_phase(self) -> None:
        """Reset the count of moved bytes."""
        self._moved = 0
        self._taken = self._sent - self._kept_by_kernel() if self.unsent else 0

    def has_taken_enough(self) -> bool:
        """Return True if the client has taken enough of an answer, since the last call, for its time to restart.

        The kernel lets a third of its buffer drain before it asks for more, which may take a slow client minutes; so
        the bytes that the client has acknowledged count.
        """
        before, self._taken = self._taken, self._sent - self._kept_by_kernel()
        return self._taken - before >= ENOUGH

    def _kept_by_kernel(self) -> int:
        """Return the bytes in the kernel that the client has not acknowledged (tcp(7), unix(7))."""
        number = fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4)
        return int.from_bytes(number, sys.byteorder)


def has_socket(conn: Any) -> bool:
    """Return False for a connection that is closed, or whose socket the application has detached as a WebSocket."""
    return bool(conn.sock.fileno() != -1)
