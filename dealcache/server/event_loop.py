"""gunicorn's threaded worker with an event loop that holds connections: their phases, their deadlines and their end.

In gunicorn a connection occupies a thread as soon as it is accepted. Here it stays in the event loop until a request
has arrived completely, and while the client takes the answer; each phase has a deadline (:mod:`.phases`).
``lane_worker`` decides what happens in a phase.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from dealcache.server.connections import ClientGoneError, Connection, has_socket
from dealcache.server.phases import (
    CLOSING,
    IDLE,
    PATIENCE,
    PATIENCE_ON_STOP,
    RECEIVING,
    SENDING,
    Phase,
    WaitingConnections,
)
from dealcache.server.poller import Poller
from dealcache.server.worker import ProblemWorker

log = logging.getLogger(__name__)

#: Bytes to read and discard, in all and at once, of what a client keeps sending to a connection that is ending.
_MOST_DISCARDED, _READ_SIZE = 16 * 1024 * 1024, 65_536

#: Bytes that the kernel buffers for a client beyond those in flight: unread answers cost work and memory. Connections
#: inherit this from their listening socket.
_MOST_NOT_SENT = 524_288

#: Seconds between two checks for connections whose time is over, and between two signs of life for the master.
_LOOK, _NOTICE = 0.25, 1.0

#: A step of a connection.
Step = Callable[[Connection], None]


class EventLoopWorker(ProblemWorker):
    """A worker whose connections wait in its event loop.

    A subclass brings the steps of a connection: ``on_readable``, ``on_writable``, and ``on_late``, which answers a
    request that did not arrive in time.
    """

    poller: Any
    on_readable: Step
    on_writable: Step
    on_late: Step

    def run(self) -> None:
        """Serve until asked to stop."""
        self.poller.close()
        self.poller = Poller(self._on_error)
        self._steps = {
            IDLE: (EVENT_READ, self.on_readable),
            RECEIVING: (EVENT_READ, self.on_readable),
            SENDING: (EVENT_WRITE, self.on_writable),
            CLOSING: (EVENT_READ, self._on_closing),
        }
        # Looked up once: gunicorn's configuration takes microseconds for each answer.
        self.keepalived_conns = WaitingConnections({**PATIENCE, IDLE: float(self.cfg.keepalive)})
        # At the limit the longest idle connection is closed (make_room), so all connections may be idle.
        self.max_keepalived = self.worker_connections
        self.metrics = self.wsgi.extensions["dealcache"].metrics
        for listener in self.sockets:
            if listener.family in (socket.AF_INET, socket.AF_INET6):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_NOT_SENT)
        self._look_again = self._now = self._noticed = 0.0
        #: Bytes of unfinished bodies that are kept for all connections together.
        self.held = 0
        super().run()

    def notify(self) -> None:
        """Tell the master that this worker lives; not in each turn of the loop, because it costs a system call."""
        self._now = time.monotonic()
        if self._now - self._noticed >= _NOTICE:
            self._noticed = self._now
            super().notify()

    def is_parent_alive(self) -> bool:
        """Return True if the master lives; checked only after :meth:`notify` has told it something."""
        return self._noticed != self._now or bool(super().is_parent_alive())

    def accept(self, listener: Any) -> None:
        """Take a new connection into the loop, in place of another one if necessary."""
        accepted = self.accept_connection(listener)
        if accepted is None:
            return
        sock, client = accepted
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections and self.alive:
            self.make_room("limit")
        self.wait_for(Connection(self.cfg, sock, client, listener.getsockname()), IDLE)

    def make_room(self, reason: str) -> bool:
        """Close the longest idle connection, or an unfinished request, or else an answer that is not taken."""
        now = time.monotonic()
        victim = self.keepalived_conns.expendable(now)
        for one in [] if victim else self.keepalived_conns.stalled(now):
            if not one.has_taken_enough():
                victim = one
                break
            self.renew(one)
        if victim is not None:
            self.metrics.connection_dropped(reason)
            if victim.phase is SENDING:
                victim.reset_on_close()
            self.drop(victim)
        return victim is not None

    def wait_for(self, conn: Connection, phase: Phase) -> None:
        """Begin a phase of a connection."""
        conn.begin_phase()
        self.keepalived_conns.put(conn, phase, time.monotonic())
        event, step = self._steps[phase]
        if event != conn.watched or phase is CLOSING:
            self.poller.register(conn.sock, event, step, conn)
            conn.watched = event

    def guarded(self, step: Step, conn: Connection) -> None:
        """Take a step of a connection outside the poller."""
        try:
            step(conn)
        except Exception as error:  # noqa: BLE001 - the boundary around a connection
            self._on_error(conn, error)

    def _on_error(self, conn: Any, error: Exception) -> None:
        """Close the connection whose step failed; the worker goes on."""
        if not isinstance(conn, Connection):
            raise error
        if isinstance(error, ClientGoneError):
            log.debug("a client has disconnected: %s", error)
        else:
            log.error("a connection failed inside the server, and is closed", exc_info=error)
        if has_socket(conn):
            self.drop(conn)

    def renew(self, conn: Connection) -> None:
        """Restart the time of the phase that a connection is in."""
        if conn.phase is not None:
            self.keepalived_conns.put(conn, conn.phase, time.monotonic())

    def forget(self, conn: Connection) -> None:
        """Stop watching a connection: it now belongs to a thread, or is about to be closed."""
        self.keepalived_conns.remove(conn)
        if conn.watched:
            self.poller.unregister(conn.sock)
            conn.watched = 0
        self.forget_body(conn)

    def forget_body(self, conn: Connection) -> None:
        """Discard the received part of an incomplete body."""
        if conn.incoming is not None:
            self.held -= conn.incoming.held
            conn.incoming = None

    def drop(self, conn: Connection) -> None:
        """Close a connection of the loop."""
        self.forget(conn)
        self.nr_conns -= 1
        conn.close()
        if conn.answering is not None:
            self.tpool.submit(conn.answering.abandon)
            conn.answering = None

    def close_gracefully(self, conn: Connection) -> None:
        """Shut down sending, and read on for a while: closing at once might discard the answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
        else:
            self.wait_for(conn, CLOSING)

    def _on_closing(self, conn: Connection) -> None:
        try:
            count = len(conn.sock.recv(_READ_SIZE))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0
        conn.discarded += count
        if not count or conn.discarded > _MOST_DISCARDED:
            self.drop(conn)
        elif conn.moves(count):
            self.renew(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections whose time is over, or all; clients of unfinished requests get an answer."""
        now = time.monotonic()
        if force:
            for conn in list(self.keepalived_conns):
                self.drop(conn)
        elif now >= self._look_again or not self.alive:
            self._look_again = now + _LOOK
            for conn in self.keepalived_conns.expired(now):
                self.guarded(self._end_phase, conn)
            if not self._accepting and self.alive and self.nr_conns >= self.worker_connections:
                self.make_room("limit")

    def _end_phase(self, conn: Connection) -> None:
        if conn.phase is RECEIVING:
            self.on_late(conn)
        elif conn.phase is not SENDING:
            self.drop(conn)
        elif conn.has_taken_enough():
            self.renew(conn)
        else:
            self.metrics.connection_dropped("stalled")
            conn.reset_on_close()
            self.drop(conn)

    def _cap_keepalive(self, _deadline: float) -> None:
        """Shorten the time of all connections while the worker stops; gunicorn calls this then."""
        self.keepalived_conns.hurry(PATIENCE_ON_STOP, time.monotonic())
