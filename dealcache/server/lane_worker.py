"""gunicorn's threaded worker with the hit lane: its event loop answers what it can, threads answer the rest.

In gunicorn a connection takes a thread as soon as it is there. Here it stays in the event loop until the head of a
request has come in full, so who sends nothing, or slowly, holds no thread; nor does a hit, which the loop answers, or
who takes an answer to a hit slowly. Every other request goes to a thread, with what was read of it, and the ordinary
way begins as if the loop had never looked.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from functools import partial
from itertools import takewhile
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.http import get_parser

from dealcache.lane.hit_lane import HitLane, Incomplete
from dealcache.lane.support import parser_limits, unsuitable
from dealcache.server.connections import Connection, WaitingConnections
from dealcache.server.poller import Poller
from dealcache.server.worker import HeadTimeoutError, ProblemWorker

log = logging.getLogger(__name__)

#: Bytes that are read at once; a longer head takes several reads.
_READ_SIZE = 8192

#: The longest beginning of a request that the loop keeps for a connection, in bytes.
_MOST_RECEIVED = 65_536

#: Requests that one connection may have answered before others have their turn.
_TURN = 32

#: Rounds of events in one turn of the loop.
_ROUNDS = 8

#: Seconds between two signs of life for the master, and at most between two renewals of a connection's time.
_NOTICE = 1.0


class LaneWorker(ProblemWorker):
    """A worker with a hit lane, which the application brings."""

    poller: Any

    def __new__(cls, *arguments: Any) -> Any:
        """A worker with the lane, or one without it where gunicorn's configuration asks for what the lane cannot do."""
        *_, cfg, logger = arguments
        reason = unsuitable(cfg)
        if reason is None:
            return super().__new__(cls)
        logger.warning("the hit lane is off, threads answer hits: %s", reason)
        return ProblemWorker(*arguments)

    def run(self) -> None:
        """Serve until told to stop."""
        self.poller.close()
        self.poller = Poller()
        self.keepalived_conns = WaitingConnections()
        self._lane: HitLane = self.wsgi.extensions["dealcache.lane"]
        self._lane.limit(**parser_limits(self.cfg))
        # Looked up once: gunicorn's configuration takes microseconds for each answer.
        self._patience: float = self.cfg.keepalive
        #: Requests after which the next is for the ordinary way, which ends this worker with it.
        self._most = self.max_requests - 1
        self._renewal = min(_NOTICE, self._patience / 4)
        self._unfinished: deque[Connection] = deque()
        self._now = self._noticed = self._look_again = 0.0
        self._open, self._answered = False, 0
        super().run()

    def notify(self) -> None:
        """Tell the master that this worker lives; not for each turn of the loop, for it costs a system call."""
        self._now = time.monotonic()
        if self._now - self._noticed >= _NOTICE:
            self._noticed = self._now
            super().notify()

    def is_parent_alive(self) -> bool:
        """Whether the master lives; looked at when :meth:`notify` has told it something."""
        return self._noticed != self._now or bool(super().is_parent_alive())

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of the loop, after ``timeout`` seconds at the latest."""
        # An answer that closes its connection is for the ordinary way to give.
        self._open = self.alive and self._patience > 0 and len(self.keepalived_conns) <= self.max_keepalived
        # What gunicorn's loop looks after between two turns can wait for some rounds of hits.
        for _ in range(_ROUNDS):
            answered = self._answered
            self.poller.dispatch(0.0 if self._unfinished else timeout)
            self._go_on_with_unfinished()
            timeout = 0.0
            if self._answered < answered + 2 or not self.alive:
                break

    def _go_on_with_unfinished(self) -> None:
        """Give connections that have brought more than fits into their turn the next one."""
        for _ in range(len(self._unfinished)):
            conn = self._unfinished.popleft()
            conn.has_more = False
            data, conn.received = conn.received, b""
            if conn.is_open:
                self._advance(conn, data, 0)

    def accept(self, listener: Any) -> None:
        """Take a new connection into the loop."""
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, sock, client, listener.getsockname(), self._patience)
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self.poller.register(sock, EVENT_READ, partial(self.on_client_socket_readable, conn))

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Take a connection back from a thread; what it has read too far comes first."""
        ahead = conn.parser.unreader.take_buffered() if conn.has_read_on(fs) else b""
        super().finish_request(conn, fs)
        if ahead and conn.is_open:
            self._advance(conn, ahead, 0)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """Read what a connection has brought, and go on with it."""
        if conn.has_more:
            return  # its turn comes before it is asked again
        try:
            data = client.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            log.debug("a connection broke: %s", error)
            data = b""
        if not data:
            self._drop(conn)
            return
        seen = len(conn.received)
        if seen:
            data, conn.received = conn.received + data, b""
        self._advance(conn, data, seen)

    def _advance(self, conn: Connection, data: bytes, seen: int) -> None:
        """Answer the requests that ``data`` holds, of which ``seen`` bytes are known to be incomplete."""
        for _ in range(_TURN):
            try:
                reply = self._lane.answer(data, seen, conn.client, self._open and self.nr < self._most)
            except Incomplete:
                if len(data) > _MOST_RECEIVED:
                    self._pass_on(conn, data)  # it grows past all measure, and a thread finds out why
                else:
                    conn.received = data
                return
            except Exception:
                log.exception("the hit lane failed, so a thread answers")
                reply = None
            if reply is None:
                self._pass_on(conn, data)
                return
            head, body, consumed = reply
            data = data[consumed:]
            self.nr += 1
            self._answered += 1
            if not self._send(conn, head, body):
                conn.received = data
                return
            if time.monotonic() - conn.renewed >= self._renewal:
                self._renew(conn)
            if not data:
                return
            seen = 0
        conn.received, conn.has_more = data, True
        self._unfinished.append(conn)

    def _pass_on(self, conn: Connection, data: bytes) -> None:
        """Let a thread go on with a connection, from ``data`` on."""
        self._forget(conn)
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
        conn.parser.unreader.unread(data)
        conn.initialized = True
        self.enqueue_req(conn)

    def _send(self, conn: Connection, head: bytes, body: bytes) -> bool:
        """Send an answer; whether it is out in full. What is left is sent as the client takes it."""
        try:
            if conn.send(head, body):
                return True
        except OSError as error:
            log.debug("a client had gone before its answer: %s", error)
            self._drop(conn)
        else:
            self.poller.modify(conn.sock, EVENT_WRITE, partial(self._on_client_socket_writable, conn))
        return False

    def _on_client_socket_writable(self, conn: Connection, client: Any) -> None:
        """Send more of an answer; when it is out, go on with what has come meanwhile."""
        try:
            is_out = conn.send_more()
        except OSError as error:
            log.debug("a client went in the middle of its answer: %s", error)
            self._drop(conn)
            return
        self._renew(conn)
        if not is_out:
            return
        self.poller.modify(client, EVENT_READ, partial(self.on_client_socket_readable, conn))
        data, conn.received = conn.received, b""
        if data:
            self._advance(conn, data, 0)

    def _renew(self, conn: Connection) -> None:
        conn.set_timeout()
        self.keepalived_conns.renew(conn)

    def _drop(self, conn: Connection) -> None:
        """Close a connection that the loop has in hand."""
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: Connection) -> None:
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections whose time is over, or all; who has sent a part of a request is told."""
        now = time.monotonic()
        if self.alive and not force:
            if now < self._look_again:
                return
            self._look_again = now + self._renewal / 4
            over = list(takewhile(lambda conn: conn.timeout <= now, self.keepalived_conns))
        else:
            over = [conn for conn in self.keepalived_conns if force or conn.timeout <= now]
        for conn in over:
            if conn.received and not conn.unsent:
                self.handle_error(None, conn.sock, conn.client, HeadTimeoutError())
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Let idle connections end by ``deadline``; those in the middle of something have the graceful time-out."""
        for conn in self.keepalived_conns:
            if not conn.is_busy:
                conn.timeout = min(conn.timeout, deadline)
