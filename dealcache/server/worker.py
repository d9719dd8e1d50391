"""gunicorn's threaded worker, with places for those who wait, and for connections that leave it for live updates."""

from __future__ import annotations

import logging
from concurrent import futures
from typing import Any

from gunicorn import util
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from dealcache.api.edge import request_id_of
from dealcache.api.problems import CONTENT_TYPE, Problem
from dealcache.logs import request_id_var
from dealcache.server.hooks import begin_to_stop
from dealcache.settings import waiting_threads

log = logging.getLogger(__name__)

#: By this text alone gunicorn_h1c, before 0.6.12, tells an unknown transfer coding (RFC 9112, 6.1) from a bad header.
_UNSUPPORTED_CODING = "Unsupported Transfer-Encoding"


class HeadTimeoutError(Exception):
    """A client took too long to send the head of its request."""


#: What is wrong with a request that could not even be parsed; the first class that fits tells.
_REFUSALS: tuple[tuple[tuple[type[BaseException], ...], int, str], ...] = (
    ((http_errors.LimitRequestLine,), 414, "The request line is too long."),
    ((http_errors.LimitRequestHeaders,), 431, "The header fields are too large."),
    ((http_errors.ExpectationFailed,), 417, "This expectation cannot be met."),
    ((http_errors.UnsupportedTransferCoding,), 501, "This transfer coding is not supported."),
    ((http_errors.ForbiddenProxyRequest,), 403, "Proxied requests are not taken from here."),
    ((HeadTimeoutError,), 408, "The head of the request did not come in time."),
    ((http_errors.ParseException,), 400, "The request is not valid HTTP."),
)


def refusal_of(error: BaseException) -> Problem:
    """The problem for an error that reached the worker: the client's fault where it is, else a 500."""
    if getattr(error, "hdr", None) == _UNSUPPORTED_CODING:
        error = http_errors.UnsupportedTransferCoding(_UNSUPPORTED_CODING)
    for kinds, status, detail in _REFUSALS:
        if isinstance(error, kinds):
            return Problem(status, detail)
    return Problem(500, "Something went wrong inside the service.")


class ProblemWorker(ThreadWorker):
    """Answers unparsable requests with problem+json, and accepts what is waiting before it stops.

    gunicorn answers them with HTML, which no client of a JSON API expects. And when it is told to stop it leaves
    connections in the listen queue that the kernel has already accepted; their clients would see a reset.

    A connection whose socket the application has detached, because it is a WebSocket now, is no longer gunicorn's.
    """

    def get_thread_pool(self) -> futures.ThreadPoolExecutor:
        """A pool with room for those who wait for HubSpot beside those who work; it makes threads as it needs them."""
        threads: int = self.cfg.threads
        return futures.ThreadPoolExecutor(threads + waiting_threads(threads), thread_name_prefix="request")

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that failed outside the application, and close its connection."""
        problem = refusal_of(exc)
        request_id = request_id_of(None)
        token = request_id_var.set(request_id)
        try:
            if problem.status == 500:
                log.error("a request failed outside the application", exc_info=exc)
            else:
                log.warning("refused a request of %s: %d %s", (addr or ("-",))[0], problem.status, problem.detail)
        finally:
            request_id_var.reset(token)
        body = problem.body(request_id)
        head = (
            f"HTTP/1.1 {problem.status} {problem.title}\r\nConnection: close\r\nContent-Type: {CONTENT_TYPE}\r\n"
            f"X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode("latin-1") + body)
        except OSError as error:
            log.debug("the client had gone before it could be told: %s", error)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; whether the connection may bring another one."""
        keep: bool = super().handle_request(req, conn)
        return keep and not _is_taken(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep or close a connection after a request, unless it is somebody else's by now."""
        if _is_taken(conn):
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or end accepting; on the way out, take what waits in the listen queue and close it to newcomers."""
        if not enabled and not self.alive:
            begin_to_stop(self.wsgi)
        stopping = not enabled and not self.alive and self._accepting
        super().set_accept_enabled(enabled)
        if stopping:
            # Nobody new comes when the whole server stops (server/newcomers.py); when only this worker does, its
            # siblings take them.
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()

    def _accept_waiting(self, listener: Any) -> None:
        before = -1
        while self.nr_conns > before:
            before = self.nr_conns
            self.accept(listener)


def _is_taken(conn: Any) -> bool:
    """Whether the application has detached the socket of a connection: the object is there, the file is elsewhere."""
    return bool(conn.sock.fileno() == -1)
