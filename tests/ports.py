"""Ports of the loopback interface that are the tests' own for as long as they run."""

from __future__ import annotations

import socket

#: Never listen, but keep their ports from everybody who does not ask for one by its number.
_HOLDERS: list[socket.socket] = []


def free_port() -> int:
    """Return a TCP port on which only a server that is told to use it will listen.

    It stays held until this process ends. Otherwise an outgoing connection, such as one to a server that is away for a
    moment, could be given the port before the server takes it, or takes it again. Linux lets a server listen on it
    beside the holder if both set ``SO_REUSEADDR``, as gunicorn, nginx, Redis and mongod do.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _HOLDERS.append(holder)
    port: int = holder.getsockname()[1]
    return port
