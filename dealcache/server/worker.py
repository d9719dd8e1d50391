"""gunicorn's threaded worker, with more threads for reads that wait, and connections that can become WebSockets.

It serves by itself where the event loop with the hit lane cannot run.
"""

from __future__ import annotations

import logging
from concurrent import futures
from typing import Any

from gunicorn import util
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker
from werkzeug.exceptions import BadRequest

from dealcache.server.connections import has_socket
from dealcache.server.descriptors import EXHAUSTED, PASSING, Exhaustion
from dealcache.server.phases import PATIENCE, Phase
from dealcache.server.refusals import refusal_of, refuse, too_late
from dealcache.settings import waiting_threads

log = logging.getLogger(__name__)


class _Reader:
    """Wraps gunicorn's reader of a body, and turns its errors into those that the application blames on the client."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.unreader = getattr(reader, "unreader", None)

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes.

        Raises:
            HTTPException: they do not arrive, or are invalid.
        """
        wanted = min(size, self._reader.length) if isinstance(self._reader, LengthReader) else 0
        try:
            data: bytes = self._reader.read(size)
        except TimeoutError:
            raise too_late("body") from None
        except (NoMoreData, ParseException) as error:
            raise BadRequest(refusal_of(error).detail) from None
        if len(data) < wanted:
            raise BadRequest(refusal_of(NoMoreData()).detail)
        return data


class PlainConnection(TConn):
    """A connection on which a thread waits for each piece no longer than the event loop does."""

    def init(self) -> None:
        """Prepare the connection, in its thread."""
        super().init()
        if not self.is_http2:
            self.sock.settimeout(PATIENCE[Phase.RECEIVING])


class ProblemWorker(ThreadWorker):
    """Answers unparsable requests with problem+json, and accepts the waiting connections before it stops.

    gunicorn answers them with HTML, which no client of a JSON API expects. When it is told to stop, it leaves
    connections in the listen queue that the kernel has already accepted; their clients would see a reset. And it exits
    when there is no file descriptor for a new connection; this worker survives, and stops accepting for a moment.

    A connection whose socket the application has detached as a WebSocket no longer belongs to gunicorn.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._exhaustion = Exhaustion()

    def get_thread_pool(self) -> futures.ThreadPoolExecutor:
        """Return a pool with additional threads for reads that wait for HubSpot, each made when it is needed."""
        threads: int = self.cfg.threads
        return futures.ThreadPoolExecutor(threads + waiting_threads(threads), thread_name_prefix="request")

    def refuse(self, error: BaseException, client: Any) -> bytes:
        """Return the answer to a request that failed outside the application; it is logged and counted."""
        status, answer = refuse(error, client)
        self.wsgi.extensions["dealcache"].metrics.request_finished("unmatched", status)
        return answer

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that failed outside the application, and close its connection."""
        try:
            util.write_nonblock(client, self.refuse(exc, addr))
        except OSError as error:
            log.debug("a client disconnected before its answer: %s", error)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; return True if the connection may bring another one."""
        body = req.body
        req.body = plain = Body(_Reader(body.reader))
        keep: bool = super().handle_request(req, conn)
        # gunicorn reads the rest that the application has left.
        req.body, body.failed = body, plain.failed
        return keep and has_socket(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep or close a connection after a request, unless it has become a WebSocket."""
        if has_socket(conn):
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1

    def accept(self, listener: Any) -> None:
        """Take a new connection."""
        accepted = self.accept_connection(listener)
        if accepted is not None:
            sock, client = accepted
            self.nr_conns += 1
            self.enqueue_req(PlainConnection(self.cfg, sock, client, listener.getsockname()))

    def accept_connection(self, listener: Any) -> Any:
        """Return a new socket and its peer's address, or None when there is none, or no room for one."""
        for _ in range(2):
            try:
                accepted = listener.accept()
            except OSError as error:
                if error.errno in PASSING:
                    return None
                if error.errno not in EXHAUSTED:
                    raise
                self._exhaustion.found(error)
                if not self.make_room("descriptors"):
                    break
            else:
                self._exhaustion.passed()
                return accepted
        if self._accepting:
            self.set_accept_enabled(False)
        return None

    def make_room(self, reason: str) -> bool:
        """Close an inactive connection; return True if there was one. ``reason`` is for the metric."""
        return False

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or end accepting; at the end, accept what waits in the listen queue, then close the listeners."""
        if enabled and self._exhaustion.lasts:
            return
        if not enabled and not self.alive:
            self.wsgi.extensions["dealcache"].begin_to_stop()
        stopping = not enabled and not self.alive and self._accepting
        super().set_accept_enabled(enabled)
        if stopping:
            # No new connection comes when the whole server stops (server/listener_drain.py); when only this worker
            # does, its siblings take them.
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()

    def _accept_waiting(self, listener: Any) -> None:
        before = -1
        while self.nr_conns > before:
            before = self.nr_conns
            self.accept(listener)
