"""The address of a server, and what answers there."""

from __future__ import annotations

import http.client
import socket

#: Addresses that mean "every interface", and how to reach such a server from here.
_REACHED_BY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to


def address_of(bind: str) -> tuple[str, int] | None:
    """Host and port at which a server bound like this can be reached from this machine.

    Args:
        bind: ``host:port``, or ``unix:`` and a path.

    Returns:
        None for a UNIX socket.
    """
    if bind.startswith("unix:"):
        return None
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    return _REACHED_BY.get(host, host), int(port)


def is_taken(bind: str) -> bool:
    """Return True if a program answers there: its ``/healthz`` would be taken for that of the service."""
    try:
        address = address_of(bind)
        if address is not None:
            socket.create_connection(address, timeout=2.0).close()
    except (OSError, ValueError):  # a value that is no address is for the service to refuse
        return False
    return address is not None


def is_healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
