"""The worker with the hit lane: its event loop receives requests, answers those it can, and sends all answers.

A thread answers a request that the lane does not answer, once its head and body are complete; the loop sends what the
client does not take at once. So no client occupies a thread, however slowly it sends or receives.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, NoMoreData, ParseException
from werkzeug.exceptions import RequestEntityTooLarge

from dealcache.lane.hit_request import Incomplete, check_head
from dealcache.lane.support import parser_limits, unsuitable
from dealcache.server.answering import Answering
from dealcache.server.connections import ClientGoneError, Connection, Next, has_socket
from dealcache.server.event_loop import EventLoopWorker
from dealcache.server.incoming import Incoming
from dealcache.server.phases import IDLE, RECEIVING, SENDING
from dealcache.server.refusals import too_late
from dealcache.server.worker import ProblemWorker

log = logging.getLogger(__name__)

#: Bytes to read at once: of a head, which takes several reads when it is longer, and of a body.
_READ_SIZE, _READ_SIZE_OF_BODIES = 8_192, 65_536

#: The longest head of a request, in bytes.
_LONGEST_HEAD = 65_536

#: Bytes of unfinished bodies that are kept for all connections together.
_MOST_HELD = 64 * 1024 * 1024

#: Requests answered on one connection before others get their turn.
_TURN = 32

#: Rounds of events in one turn of the loop.
_ROUNDS = 8

#: The most seconds between two renewals of a connection's time.
_RENEWAL = 1.0


class LaneWorker(EventLoopWorker):
    """A worker with the application's hit lane; its threads see only complete requests."""

    def __new__(cls, *arguments: Any) -> Any:
        """Make a worker with the lane, or one without it where gunicorn's configuration rules the lane out."""
        *_, cfg, logger = arguments
        reason = unsuitable(cfg)
        if reason is None:
            return super().__new__(cls)
        logger.warning("the hit lane is off, threads answer hits: %s", reason)
        return ProblemWorker(*arguments)

    def run(self) -> None:
        """Serve until asked to stop."""
        self._limits = parser_limits(self.cfg)
        self._lane: Any = self.wsgi.extensions["dealcache"].lane
        if self._lane is not None:
            self._lane.limit(self._limits)
        #: Requests after which the next one goes to a thread, which then ends this worker.
        self._most = self.max_requests - 1
        self._renewal = min(_RENEWAL, self.cfg.keepalive / 4)
        self._unfinished: deque[Connection] = deque()
        self._open = False
        super().run()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Take one turn of the loop, after ``timeout`` seconds at the latest."""
        # Only a thread gives an answer that closes its connection.
        self._open = self.alive and self._renewal > 0 and self._lane is not None
        # The work of gunicorn's loop between two turns can wait for some rounds of hits.
        for _ in range(_ROUNDS):
            answered = self.nr
            self.poller.dispatch(0.0 if self._unfinished else timeout)
            self._resume_unfinished()
            timeout = 0.0
            if self.nr < answered + 2 or not self.alive:
                break

    def _resume_unfinished(self) -> None:
        """Continue with connections whose requests did not all fit into their turn."""
        for _ in range(len(self._unfinished)):
            conn = self._unfinished.popleft()
            conn.has_more = False
            data, conn.received = conn.received, b""
            if has_socket(conn):
                self.guarded(partial(self._advance, data=data, seen=0), conn)

    def on_readable(self, conn: Connection) -> None:
        """Read from a connection, and answer its requests."""
        if conn.has_more:
            return  # its received requests get their turn first
        incoming = conn.incoming
        try:  # here and not in a method of the connection: each hit would pay for the call
            data = conn.sock.recv(_READ_SIZE if incoming is None else _READ_SIZE_OF_BODIES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            raise ClientGoneError(str(error)) from None
        if incoming is not None:
            self._receive_body(conn, incoming, data)
        elif not data:
            self.drop(conn)
        else:
            before, conn.received = conn.received, b""
            self._advance(conn, before + data, len(before))

    def _advance(self, conn: Connection, data: bytes, seen: int) -> None:
        """Answer the requests that ``data`` holds, of which ``seen`` bytes are known to be incomplete."""
        for _ in range(_TURN):
            reply = None
            try:
                if self._open and self.nr < self._most:
                    reply = self._lane.answer(data, seen, conn.client)
                else:
                    check_head(data, seen, self._limits)
            except Incomplete:
                self._wait_for_head(conn, data)
                return
            except Exception:
                log.exception("the hit lane failed, so a thread answers")
            if reply is None:
                self._begin_request(conn, data)
                return
            head, body, consumed = reply
            data = data[consumed:]
            self.nr += 1
            if not conn.send(head, body):
                conn.received, conn.after = data, Next.REQUEST
                self.wait_for(conn, SENDING)
                return
            if conn.phase is not IDLE or self.poller.woken - conn.renewed >= self._renewal:
                self.wait_for(conn, IDLE)
            if not data:
                return
            seen = 0
        conn.received, conn.has_more = data, True
        self._unfinished.append(conn)

    def _wait_for_head(self, conn: Connection, data: bytes) -> None:
        """Keep the beginning of a request; its time is counted from the first byte."""
        if len(data) > _LONGEST_HEAD:
            self._refuse(conn, LimitRequestHeaders("the head is too long"))
            return
        conn.received = data
        if conn.phase is not RECEIVING:
            self.wait_for(conn, RECEIVING)

    def _begin_request(self, conn: Connection, data: bytes) -> None:
        """Receive the request whose head ``data`` begins with."""
        try:
            incoming = Incoming(self.cfg, data, conn.client)
        except (ParseException, NoMoreData, RequestEntityTooLarge) as error:
            self._refuse(conn, error)
            return
        if incoming.expects:
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if incoming.is_complete:
            self._enqueue(conn, incoming)
        else:
            conn.incoming = incoming
            self.held += incoming.held
            self.wait_for(conn, RECEIVING)

    def _receive_body(self, conn: Connection, incoming: Incoming, data: bytes) -> None:
        if not data:
            self._refuse(conn, NoMoreData())
            return
        self.held += len(data)
        try:
            is_complete = incoming.feed_data(data)
        except (ParseException, RequestEntityTooLarge) as error:
            self._refuse(conn, error)
            return
        if is_complete:
            self._enqueue(conn, incoming)
            return
        if conn.moves(len(data)):
            self.renew(conn)
        if self.held > _MOST_HELD:
            # The body that has made the least progress lately.
            bodies = self.keepalived_conns.in_phase(RECEIVING)
            self.metrics.connection_dropped("memory")
            self.drop(next(one for one in bodies if one.incoming is not None and one.incoming.held))

    def on_late(self, conn: Connection) -> None:
        """Answer that a request did not arrive in time."""
        self._refuse(conn, too_late("head" if conn.incoming is None else "body"))

    def _refuse(self, conn: Connection, error: Exception) -> None:
        """Answer what is wrong with a request, and end its connection."""
        conn.received = b""
        self.forget_body(conn)
        conn.send(self.refuse(error, conn.client))
        conn.after = Next.END
        self._settle(conn)

    def _enqueue(self, conn: Connection, incoming: Incoming) -> None:
        """Queue a complete request for a thread."""
        self.forget(conn)
        conn.answering = Answering(self, conn, incoming)
        self.enqueue_req(conn)

    def handle(self, conn: Connection) -> Next:
        """Take a step of an answer, in a thread."""
        return Next.END if conn.answering is None else conn.answering.step()

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Take a connection back from a thread."""
        if has_socket(conn):
            self.guarded(partial(self._resume, request=fs), conn)
        else:
            self.nr_conns -= 1

    def _resume(self, conn: Connection, request: Any) -> None:
        conn.after = request.result()
        if conn.answering is not None and conn.after is not Next.PIECES:
            conn.received = conn.answering.following() if conn.after is Next.REQUEST else b""
            conn.answering = None
        self._settle(conn)

    def _settle(self, conn: Connection) -> None:
        """Continue with a connection after a step of its answer; what is left of it has to be sent first."""
        if conn.unsent:
            self.wait_for(conn, SENDING)
        elif conn.after is Next.PIECES:
            self.forget(conn)
            self.enqueue_req(conn)
        elif conn.after is Next.END:
            self.close_gracefully(conn)
        else:
            self.wait_for(conn, IDLE)
            data, conn.received = conn.received, b""
            if data:
                self._advance(conn, data, 0)

    def on_writable(self, conn: Connection) -> None:
        """Send the rest of an answer."""
        conn.send_more()
        if not conn.unsent:
            self._settle(conn)
