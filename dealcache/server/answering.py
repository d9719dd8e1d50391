"""One request on its way through the application, in steps that never wait for the client."""

from __future__ import annotations

import contextlib
import contextvars
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from time import monotonic
from types import SimpleNamespace
from typing import Any

from gunicorn.http import wsgi

from dealcache.api.streaming import AnswerBrokenError
from dealcache.server.connections import ClientGoneError, Connection, Next
from dealcache.server.incoming import Incoming
from dealcache.server.phases import SENDING

log = logging.getLogger(__name__)

#: Bytes to read of a file at once: each piece costs a turn of the interpreter lock.
_PIECE_OF_A_FILE = 262_144

#: Bytes of one answer that may be kept for its client before the next piece is made, and roughly those of all answers
#: in pieces together; each may be exceeded by one piece.
_MOST_UNSENT, _MOST_UNSENT_IN_ALL = 1_048_576, 33_554_432

#: Seconds after which an answer in pieces gives its thread to other requests: long lists must not hold up short ones.
_TURN_SECONDS = 0.05


def most_unsent(behind: int) -> int:
    """Return how many bytes of an answer may be kept for its client while ``behind`` clients are slow to take them."""
    return min(_MOST_UNSENT, _MOST_UNSENT_IN_ALL // (behind + 1))


class Answering:
    """Does the work of gunicorn's ``handle_request`` without waiting for a client that takes the answer slowly.

    An answer in pieces is suspended when the client is behind by :func:`most_unsent`, or when its turn is over, and the
    thread goes to other requests; any thread may take the next step when the client has caught up.

    Args:
        worker: gunicorn's worker; its ``refuse`` answers a request that failed outside the application.
        connection: the connection, which belongs to this thread during a step.
        incoming: the complete request.
    """

    def __init__(self, worker: Any, connection: Connection, incoming: Incoming) -> None:
        self._worker = worker
        self._connection = connection
        self._request = incoming.request
        self.following = incoming.what_follows
        # Pieces may be made in several threads, all of which must see the request's context.
        self._context = contextvars.copy_context()
        self._environ: dict[str, Any] = {}
        self._response: Any = None
        self._answer: Any = None
        self._pieces: Iterator[bytes] | None = None
        self._written: list[bytes] = []
        self._started = datetime.now()

    def step(self) -> Next:
        """Continue the answer until it is complete or the client is too far behind; return the next step."""
        return self._context.run(self._step)

    def abandon(self) -> None:
        """Abandon the answer, because its client has gone."""
        self._context.run(self._end)

    def _step(self) -> Next:
        try:
            if self._pieces is None:
                self._pieces = self._begin()
            if not self._write(self._pieces):
                return Next.PIECES
        except ClientGoneError as error:
            log.debug("a client disconnected in the middle of its answer: %s", error)
            self._response.force_close()
        except Exception as error:  # noqa: BLE001 - the boundary around a request
            if self._response is not None and self._response.headers_sent:
                self._break_off(error)
            else:
                with contextlib.suppress(ClientGoneError):
                    self._connection.send(self._worker.refuse(error, self._connection.client))
            self._end()
            return Next.END
        self._end()
        return Next.END if self._response.should_close() else Next.REQUEST

    def _begin(self) -> Iterator[bytes]:
        worker, conn = self._worker, self._connection
        worker.cfg.pre_request(worker, self._request)
        response, self._environ = wsgi.create(self._request, conn.sock, conn.client, conn.server, worker.cfg)
        response.sock = SimpleNamespace(sendall=self._written.append)
        self._response = response
        self._environ["wsgi.multithread"] = True
        worker.nr += 1
        if worker.nr >= worker.max_requests:
            if worker.alive:
                worker.log.info("Autorestarting worker after current request.")
                worker.alive = False
            response.force_close()
        if not worker.alive or not worker.cfg.keepalive:
            response.force_close()
        self._answer = worker.wsgi(self._environ, response.start_response)
        if isinstance(self._answer, wsgi.FileWrapper):
            self._answer.blksize = _PIECE_OF_A_FILE
        return iter(self._answer)

    def _write(self, pieces: Iterator[bytes]) -> bool:
        """Write the pieces; return False when the client is behind or the turn is over."""
        ends = monotonic() + _TURN_SECONDS
        for piece in pieces:
            self._send_together(self._response.write, piece)
            if monotonic() >= ends:
                return False
            unsent = self._connection.unsent_bytes
            if unsent and unsent > most_unsent(len(self._worker.keepalived_conns.in_phase(SENDING))):
                return False
        self._send_together(self._response.close)
        return True

    def _send_together(self, write: Callable[..., None], *data: bytes) -> None:
        """Send in one call of the kernel what gunicorn's response writes in several: its head, and the first piece."""
        try:
            write(*data)
        finally:
            if self._written:
                head, body = self._written[0], b"".join(self._written[1:])
                self._written.clear()
                self._connection.send(head, body)

    def _break_off(self, error: Exception) -> None:
        """Log why an answer is incomplete, and make sure that the client cannot take it for complete.

        Another answer on the same connection would look like a part of it.
        """
        expected = isinstance(error, AnswerBrokenError)
        log.warning("an answer broke off: %s", error, exc_info=None if expected else error)
        if not self._response.chunked and self._response.response_length is None:
            # To a client of HTTP/1.0 the end of the connection is the end of the answer, unless it is a reset.
            self._connection.unsent.clear()
            self._connection.reset_on_close()
            self._connection.close()

    def _end(self) -> None:
        """Log the request, and release what the application holds for it."""
        worker, answer = self._worker, self._answer
        try:
            if answer is not None:
                self._answer = None
                worker.log.access(self._response, self._request, self._environ, datetime.now() - self._started)
                self._stop_a_handover_that_is_not_out()
                if hasattr(answer, "close"):
                    answer.close()
            worker.cfg.post_request(worker, self._request, self._environ, self._response)
        except Exception:
            log.exception("the end of a request failed")

    def _stop_a_handover_that_is_not_out(self) -> None:
        """Cut the connection of a client that has not taken the handshake of its WebSocket."""
        if self._response.upgrade and self._connection.unsent:
            self._connection.unsent.clear()
            self._connection.cut()
