"""Sockets whose every operation ends with the step of the exchange that it belongs to.

The socket's own time-out is never longer than :data:`.deadline.LOOK_SECONDS`: an operation that is not done by then
checks the timer and continues, so that a call that is no longer wanted ends at once.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, TypeVar

from dealcache.hubspot.call_timer import ADDRESS_SECONDS, CallTimer, current_timer
from dealcache.model.deadline import LOOK_SECONDS

T = TypeVar("T")


class _Bounded(socket.socket):
    """The operations that an HTTP connection uses, each bounded by the timer of the present exchange."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """See :meth:`socket.socket.recv_into`."""
        count = self._bounded(super().recv_into, buffer, nbytes or 0, flags)
        current_timer().note_received()
        return count

    def recv(self, bufsize: int = 1024, flags: int = 0) -> bytes:
        """See :meth:`socket.socket.recv`."""
        received = self._bounded(super().recv, bufsize, flags)
        current_timer().note_received()
        return received

    def send(self, data: Any, flags: int = 0) -> int:
        """See :meth:`socket.socket.send`."""
        return self._bounded(super().send, data, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """See :meth:`socket.socket.sendall`."""
        with memoryview(data).cast("B") as rest:
            sent = 0
            while sent < len(rest):
                sent += self.send(rest[sent:], flags)

    def _bounded(self, operation: Callable[..., T], *arguments: Any) -> T:
        """Do ``operation``, in as many tries as the timer allows.

        Raises:
            TimeoutError: the time of the step is over.
        """
        timer = current_timer()
        while True:
            self.settimeout(_next_look(timer))
            try:
                with timer.waiting_for_network():
                    return operation(*arguments)
            except TimeoutError as error:
                if error.errno is not None:
                    raise  # the network's own time-out, not that of this socket


class BoundedSocket(_Bounded):
    """A plain socket."""

    def connect(self, address: Any) -> None:
        """See :meth:`socket.socket.connect`; one address has :data:`~.call_timer.ADDRESS_SECONDS`."""
        give_up_at = time.monotonic() + ADDRESS_SECONDS
        self.setblocking(False)
        code = self.connect_ex(address)
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        while code in (errno.EINPROGRESS, errno.EAGAIN):
            wait = min(_next_look(current_timer()), give_up_at - time.monotonic())
            if wait <= 0.0:
                raise TimeoutError("the address does not answer")
            with current_timer().waiting_for_network():
                answered = poll.poll(wait * 1000)
            if answered:
                code = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self.settimeout(LOOK_SECONDS)


class BoundedTLSSocket(_Bounded, ssl.SSLSocket):
    """A socket that speaks TLS."""

    def do_handshake(self, block: bool = False) -> None:
        """See :meth:`ssl.SSLSocket.do_handshake`."""
        self._bounded(super().do_handshake, block)


def _next_look(timer: CallTimer) -> float:
    """Return how long to wait before looking at ``timer`` again.

    Raises:
        TimeoutError: the time is over.
    """
    left = timer.left()
    if left <= 0.0:
        raise TimeoutError("the call's time is over")
    return min(left, LOOK_SECONDS)
