"""A way to a server that a test may cut and mend: to its clients the server is gone, and nothing has to be started."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.waiting import PATIENCE

_ADDRESS = "127.0.0.1"


class Relay:
    """Listens on a port of its own and passes on what comes there, both ways; cut at first.

    Args:
        port: where the server listens on this machine.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._holder = _bound(0)  # never listens, but keeps the port while the way is cut
        self.port: int = self._holder.getsockname()[1]
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._threads: dict[threading.Thread, tuple[socket.socket, ...]] = {}

    def mend(self) -> None:
        """Let clients in."""
        self._listener = _bound(self.port)
        self._listener.listen()
        self._begin(self._accept, self._listener)

    def cut(self) -> None:
        """End all connections and refuse new ones, until the way is mended."""
        with self._lock:
            self._listener = None
            threads = dict(self._threads)
            for sockets in threads.values():
                for one in sockets:
                    with suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(PATIENCE)

    def close(self) -> None:
        """Cut it for good."""
        self.cut()
        self._holder.close()

    def _begin(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        thread = threading.Thread(target=self._run, args=(work, sockets), name="relay", daemon=True)
        self._threads[thread] = sockets
        thread.start()

    def _run(self, work: Callable[..., None], sockets: tuple[socket.socket, ...]) -> None:
        try:
            with suppress(OSError):  # it was cut, or one of its ends has gone
                work(*sockets)
        finally:
            with self._lock:
                del self._threads[threading.current_thread()]
                for one in sockets:
                    one.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            server = socket.create_connection((_ADDRESS, self._server_port))
            with self._lock:
                if self._listener is not listener:
                    client.close()
                    server.close()
                    return
                self._begin(_pass_on, client, server)


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind((_ADDRESS, port))
    return one


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    others = {client: server, server: client}
    with selectors.DefaultSelector() as selector:
        for one in others:
            selector.register(one, selectors.EVENT_READ, others[one])
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(1 << 16)
                if not data:
                    return
                key.data.sendall(data)
