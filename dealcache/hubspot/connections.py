"""Connections to HubSpot that end when their time is over: requests and urllib3, with sockets of our own.

What bounds a step of an exchange is ``CallTimer``; here each step begins.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import urllib3
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_ import create_urllib3_context

from dealcache.hubspot.bounded_sockets import BoundedSocket, BoundedTLSSocket
from dealcache.hubspot.call_timer import CallTimer, current_timer
from dealcache.model.deadline import LOOK_SECONDS

#: The result of :func:`socket.getaddrinfo`.
Addresses = Sequence[tuple[int, int, int, str, Any]]


class Resolver:
    """Looks names up in threads, because the system's resolver has no deadline. Thread-safe.

    However many callers wait for a name, one thread asks for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[Addresses]] = {}

    def addresses(self, host: str, port: int, timer: CallTimer) -> Addresses:
        """Return the addresses of ``host``.

        Raises:
            TimeoutError: the time of the step is over.
            OSError: there is no such host.
        """
        try:
            return _look_up(host, port, socket.AI_NUMERICHOST)
        except socket.gaierror:
            lookup = self._lookup(host, port)
        while (left := timer.left()) > 0.0:
            try:
                with timer.waiting_for_network():
                    return lookup.result(min(left, LOOK_SECONDS))
            except TimeoutError:
                if lookup.done():
                    raise
        raise TimeoutError("the host's name was not resolved in time")

    def _lookup(self, host: str, port: int) -> Future[Addresses]:
        with self._lock:
            found = self._under_way.get((host, port))
            if found is None:
                found = self._under_way[host, port] = Future()
                threading.Thread(
                    target=self._ask, args=(host, port, found), name="hubspot-resolver", daemon=True
                ).start()
            return found

    def _ask(self, host: str, port: int, lookup: Future[Addresses]) -> None:
        try:
            lookup.set_result(_look_up(host, port))
        except OSError as failure:
            lookup.set_exception(failure)
        finally:
            with self._lock:
                del self._under_way[host, port]


def _look_up(host: str, port: int, flags: int = 0) -> Addresses:
    try:
        return socket.getaddrinfo(host.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM, flags=flags)
    except UnicodeError as error:
        raise socket.gaierror("the host's name is invalid") from error


_RESOLVER = Resolver()


class _Connection(HTTPConnection):
    """A connection of :class:`BoundedSocket`."""

    def _new_conn(self) -> socket.socket:
        timer = current_timer()
        timer.start_connecting()
        try:
            return self._connected(_RESOLVER.addresses(self._dns_host, self.port, timer))
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "the connection was not made in time") from error
        except OSError as error:
            raise NewConnectionError(self, "the connection was not made") from error

    def _connected(self, addresses: Addresses) -> socket.socket:
        """Return a socket that is connected to the first of ``addresses`` that answers."""
        failure = OSError("the host has no address")
        for family, kind, protocol, _, address in addresses:
            sock = BoundedSocket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def connect(self) -> None:
        super().connect()
        current_timer().start_sending()

    def request(self, *arguments: Any, **options: Any) -> None:
        current_timer().start_sending()
        super().request(*arguments, **options)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 declares it
        timer = current_timer()
        timer.start_waiting()
        response = super().getresponse()
        if response.status < 200:
            # The answer is still to come: on this connection it would be taken for that of the next call.
            self.close()
            raise http.client.BadStatusLine("an interim answer that was not asked for")
        timer.start_body()
        return response


class _SecureConnection(_Connection, HTTPSConnection):
    """The same with TLS."""

    def connect(self) -> None:
        if self.ssl_context is None:
            self.ssl_context = create_urllib3_context()
            self.ssl_context.sslsocket_class = BoundedTLSSocket
        super().connect()


#: Our connections in place of urllib3's; those through a SOCKS proxy are of neither class, and stay as they are.
_OURS: dict[type, type[HTTPConnection]] = {HTTPConnection: _Connection, HTTPSConnection: _SecureConnection}


class BoundedAdapter(HTTPAdapter):
    """Gives requests these connections, also through a proxy unless it speaks SOCKS.

    All requests must go to one host, with the same settings.
    """

    _pool: Any = None

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """See :class:`requests.adapters.HTTPAdapter`, which looks the pool up for each request."""
        pool: Any = self._pool
        if pool is None:
            pool = super().get_connection_with_tls_context(*arguments, **options)
            pool.ConnectionCls = _OURS.get(pool.ConnectionCls, pool.ConnectionCls)
            self._pool = pool  # not before: other threads use it at once
        return pool

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """See :class:`requests.adapters.HTTPAdapter`; cookies and the text's encoding are nothing to us."""
        response = Response()
        response.status_code, response.headers, response.raw = resp.status, CaseInsensitiveDict(resp.headers), resp
        response.request, response.reason = req, resp.reason
        return response

    def close(self) -> None:
        """See :class:`requests.adapters.HTTPAdapter`."""
        self._pool = None
        super().close()
