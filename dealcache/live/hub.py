"""Where live updates go out: one thread per worker that serves all its WebSocket clients.

A connection does not hold a thread of the server's pool: after the handshake its socket is handed over to this thread,
which waits for all sockets at once. Other threads only put work into its inbox, which never makes them wait.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from dealcache.live.client import Client
from dealcache.live.clients import Clients, Observer
from dealcache.live.subscription import Subscription
from dealcache.live.updates import DealUpdate

log = logging.getLogger(__name__)

#: For how long clients may take to answer when the service says goodbye, in seconds.
_GOODBYE_SECONDS = 1.0

_STOP_SECONDS = 5.0


class Hub:
    """The thread, its inbox, and the bound on the number of clients. Public methods may be called by any thread.

    Args:
        observer: is told what happens.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, observer: Observer, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._clients = Clients(self._selector, observer, clock, self._free_a_place)
        self._lock = threading.Lock()
        self._inbox: deque[Callable[[], None]] = deque()
        self._bell: socket.socket | None = None  # rings while the thread runs
        self._thread: threading.Thread | None = None
        self._goodbye_by: float | None = None
        self._places = 0
        self._taken = 0
        self._idle = threading.Event()

    def start(self, places: int) -> None:
        """Begin. Called after the server has forked.

        Args:
            places: how many clients may be there at once.
        """
        self._places = places
        self._bell, ear = socket.socketpair()
        for end in (self._bell, ear):
            end.setblocking(False)
        self._selector.register(ear, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, args=(ear,), name="live", daemon=True)
        self._thread.start()

    @property
    def has_clients(self) -> bool:
        """Whether there is anybody to be told anything."""
        return self._taken > 0

    def admit(self, subscription: Subscription) -> Client | None:
        """Keep a place for a client, which gets what is published from now on; None when there is none."""
        client = Client(subscription, self._selector)
        with self._lock:
            if self._goodbye_by is not None or self._taken >= self._places:
                return None
            if not self._put(partial(self._clients.enter, client)):
                return None
            self._taken += 1
        return client

    def connect(self, client: Client, sock: socket.socket, early: bytes = b"") -> None:
        """Hand the socket of an admitted client over.

        Args:
            client: what :meth:`admit` gave.
            sock: its socket, on which the handshake has been answered. The caller must not touch it any more.
            early: what the client has sent behind the handshake, and the server has read.
        """
        with self._lock:
            taken = self._put(partial(self._clients.connect, client, sock, early))
        if not taken:
            sock.close()

    def publish(self, updates: Sequence[DealUpdate]) -> None:
        """Tell those who want to know. Does not wait for anybody."""
        with self._lock:
            if self._put(partial(self._clients.deliver, updates)):
                self._idle.clear()

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until all that was published is with the clients, or in what is kept for them."""
        self._idle.wait(seconds)

    def say_goodbye(self) -> None:
        """Take no more clients, and close the connections of those there are, who get a moment to answer."""
        with self._lock:
            if self._goodbye_by is None:
                self._goodbye_by = self._clock() + _GOODBYE_SECONDS
                self._put(self._clients.say_goodbye)

    def stop(self) -> None:
        """Say goodbye, and wait for the end."""
        self.say_goodbye()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _put(self, work: Callable[[], None]) -> bool:
        """Have the thread do something soon; False when it does not run. The caller holds the lock."""
        if self._bell is None:
            return False
        self._inbox.append(work)
        with suppress(BlockingIOError):  # it has rung often enough
            self._bell.send(b"\0")
        return True

    def _free_a_place(self) -> None:
        with self._lock:
            self._taken -= 1

    def _run(self, ear: socket.socket) -> None:
        try:
            while not self._is_done():
                for key, mask in self._selector.select(self._patience()):
                    if key.fileobj is ear:
                        ear.recv(4096)
                    else:
                        self._clients.serve(key.data, mask)
                self._work_off()
        except Exception:
            log.exception("live updates ended")
        finally:
            self._end(ear)

    def _is_done(self) -> bool:
        return self._goodbye_by is not None and (not self._clients or self._clock() >= self._goodbye_by)

    def _patience(self) -> float | None:
        """For how long nothing but a socket can be a reason to wake up, in seconds; None: for ever."""
        until_next = self._clients.keep_time()
        if self._goodbye_by is None:
            return until_next
        left = max(0.0, self._goodbye_by - self._clock())
        return left if until_next is None else min(left, until_next)

    def _work_off(self) -> None:
        while True:
            with self._lock:
                if not self._inbox:
                    self._idle.set()
                    return
                work = self._inbox.popleft()
            try:
                work()
            except Exception:
                log.exception("a piece of work of live updates failed")

    def _end(self, ear: socket.socket) -> None:
        with self._lock:
            bell, self._bell = self._bell, None
        self._clients.abandon()
        self._work_off()  # whose socket comes now finds that it is late, which closes it
        self._clients.abandon()
        self._selector.close()
        for end in (bell, ear):
            if end is not None:
                end.close()
