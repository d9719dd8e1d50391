"""Serves an application over HTTP/1.1 with connections that stay open, one thread per connection.

Werkzeug's development server closes the connection after every answer, which would charge each call of a client a new
connection and hide what it does with a broken one; so this stands on the standard library's server.
"""

from __future__ import annotations

import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from dealcache.sandbox.simulator.errors import ApiError, new_correlation_id
from dealcache.sandbox.simulator.messages import Request, Response

logger = logging.getLogger(__name__)

#: A longer path with query is refused with 414; the true limit is not documented, clients keep under 15,000.
LONGEST_TARGET = 16_384

#: Bytes of a field of a head.
_LONGEST_FIELD = 65_536

_REASONS = {
    477: "Migration In Progress",
    521: "Web Server Is Down",
    523: "Origin Is Unreachable",
    524: "A Timeout Occurred",
}


class Server(ThreadingHTTPServer):
    """Listens on an address and hands requests to an application.

    Args:
        address: host and port; port 0 takes a free one.
        application: answers a request; called from many threads at once.
        clock: seconds since 1970; dates the answers.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        application: Callable[[Request], Response],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.application = application
        self.clock = clock
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, Handler)
        host, port = self.socket.getsockname()[:2]
        self.base_url = f"http://{host}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts a thread for a new connection."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets a connection that has ended."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Stops listening and breaks the connections that are open, so that clients notice at once."""
        self.shutdown()
        self.server_close()
        with self._open_lock:
            for connection in self._open:
                _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keeps quiet about clients that hang up; prints the traceback of anything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection: reads its requests one after the other and writes the answers."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    raw_requestline: bytes
    fields: Mapping[str, str]

    def parse_request(self) -> bool:
        """Reads a head of HTTP/1.1; any other is left to the standard library, which reads all as if they were e-mails.

        That takes longer than most answers.
        """
        words = self.raw_requestline.decode("latin-1").split()
        if len(words) != 3 or words[2] != "HTTP/1.1":
            if not super().parse_request():
                return False
            self.fields = {name.lower(): value for name, value in self.headers.items()}
            return True
        self.command, path, self.request_version = words
        self.path = f"/{path.lstrip('/')}" if path.startswith("//") else path
        fields = {}
        while (line := self.rfile.readline(_LONGEST_FIELD).decode("latin-1")).strip():
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        self.fields = fields
        self.close_connection = fields.get("connection", "").lower() == "close"
        return fields.get("expect", "").lower() != "100-continue" or self.handle_expect_100()

    def do_any(self) -> None:
        """Answers the request whose head has just been read."""
        body = self.rfile.read(int(self.fields.get("content-length") or 0))
        if len(self.path) > LONGEST_TARGET:
            self._write(_error(414, "URI Too Long", "VALIDATION_ERROR"))
            return
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            path=unquote(path),
            query=parse_qs(query),
            headers=self.fields,
            body=body,
            base_url=self.server.base_url,
        )
        try:
            answer = self.server.application(request)
        except Exception:
            logger.exception("%s %s failed in the simulator itself", self.command, self.path)
            answer = _error(500, "internal error", "INTERNAL_ERROR")
        self._write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815 - the standard library's names

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no access log: the calls are recorded elsewhere."""

    def _write(self, answer: Response) -> None:
        if answer.ending == "reset":
            # With linger 0, closing sends RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        body = answer.body
        if answer.ending == "cut_short":
            body = body[: len(body) // 2]
            self.close_connection = True
        head = self._head(answer)
        if answer.drip is None:
            self.wfile.write(head + body)
            return
        for part, content in (("head", head), ("body", body)):
            self._send(content, answer.drip_seconds if answer.drip == part else None)

    def _send(self, content: bytes, drip_seconds: float | None) -> None:
        if drip_seconds is None:
            self.wfile.write(content)
            return
        for byte in content:
            self.wfile.write(bytes((byte,)))
            time.sleep(drip_seconds)

    def _head(self, answer: Response) -> bytes:
        reason = _REASONS.get(answer.status) or self.responses.get(answer.status, ("Unknown", ""))[0]
        lines = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {formatdate(self.server.clock(), usegmt=True)}"]
        if answer.status != 204:
            lines += [f"Content-Type: {answer.content_type}", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _error(status: int, message: str, category: str) -> Response:
    return ApiError(status, message, {"category": category}).response(new_correlation_id())


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("connection was closed already")
