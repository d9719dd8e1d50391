"""The hub of live updates: one thread per worker that serves all its WebSocket clients.

A connection does not occupy a thread of the server's pool: after the handshake its socket is handed over to this
thread, which waits for all sockets at once. Other threads only put work into its inbox, which never blocks.
"""

from __future__ import annotations

import logging
import resource
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from dealcache.live.client import Client
from dealcache.live.clients import Clients
from dealcache.live.messages import DealUpdate
from dealcache.live.subscription import Subscription
from dealcache.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

#: The most clients of one worker.
MOST_CLIENTS = 5000

#: Files that a worker may need for everything else: a thousand HTTP connections, and those to MongoDB, Redis, HubSpot.
_OTHER_FILES = 1500

#: Seconds that clients may take to answer when the service closes their connections.
_GOODBYE_SECONDS = 1.0

_STOP_SECONDS = 5.0

#: Seconds without reading after the clients have sent too much.
_REST_SECONDS = 0.05


class Hub:
    """The thread, its inbox, and the bound on the number of clients. Public methods may be called by any thread.

    Args:
        metrics: count clients, messages, and who was dropped or turned away.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._clients = Clients(metrics, clock, self._free_a_place)
        self._lock = threading.Lock()
        self._inbox: deque[Callable[[], None]] = deque()
        self._waker: socket.socket | None = None  # wakes the thread while it runs
        self._thread: threading.Thread | None = None
        self._goodbye_by: float | None = None
        self._places = 0
        self._taken = 0
        self._idle = threading.Event()

    def start(self) -> None:
        """Begin, with as many clients as the limit on open files allows. Called after the server has forked."""
        self._places = make_room()
        self._waker, wakeups = socket.socketpair()
        for end in (self._waker, wakeups):
            end.setblocking(False)
        self._selector.register(wakeups, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, args=(wakeups,), name="live", daemon=True)
        self._thread.start()

    @property
    def has_clients(self) -> bool:
        """True if there are any clients."""
        return self._taken > 0

    def admit(self, subscription: Subscription) -> Client | None:
        """Return a client that gets updates published from now on; None if there is no place for it."""
        client = Client(subscription, self._selector, self._clock)
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
            client: the client that :meth:`admit` returned.
            sock: its socket, on which the handshake has been answered. The caller must not touch it any more.
            early: the bytes that the server has read after the handshake.
        """
        with self._lock:
            taken = self._put(partial(self._clients.connect, client, sock, early))
        if not taken:
            sock.close()

    def publish(self, updates: Sequence[DealUpdate]) -> None:
        """Send updates to the clients that subscribed to them; does not wait."""
        with self._lock:
            if self._put(partial(self._clients.deliver, updates)):
                self._idle.clear()

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until all published updates are sent to the clients or in their queues."""
        self._idle.wait(seconds)

    def say_goodbye(self) -> None:
        """Admit no more clients, and close the connections of the present ones, which get a moment to answer."""
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
        """Queue work for the thread; return False if it is not running. The caller holds the lock."""
        if self._waker is None:
            return False
        self._inbox.append(work)
        with suppress(BlockingIOError):  # it is already awake
            self._waker.send(b"\0")
        return True

    def _free_a_place(self) -> None:
        with self._lock:
            self._taken -= 1

    def _run(self, wakeups: socket.socket) -> None:
        try:
            while not self._is_done():
                for key, mask in self._selector.select(self._patience()):
                    if key.fileobj is wakeups:
                        wakeups.recv(4096)
                    else:
                        self._clients.serve(key.data, mask)
                self._work_off()
                if self._clients.has_read_enough:
                    time.sleep(_REST_SECONDS)
        except Exception:
            log.exception("live updates ended")
        finally:
            self._end(wakeups)

    def _is_done(self) -> bool:
        return self._goodbye_by is not None and (not self._clients or self._clock() >= self._goodbye_by)

    def _patience(self) -> float | None:
        """Return the seconds for which only a socket can be a reason to wake up; None for ever."""
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

    def _end(self, wakeups: socket.socket) -> None:
        with self._lock:
            waker, self._waker = self._waker, None
        self._clients.abandon()
        self._work_off()  # a client that connects now is too late, and is closed
        self._clients.abandon()
        self._selector.close()
        for end in (waker, wakeups):
            if end is not None:
                end.close()


def make_room() -> int:
    """Raise this process's limit on open files as far as allowed and needed; return how many clients it allows.

    The usual soft limit, 1,024, is there for programs that use ``select(2)``; this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CLIENTS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return places_within(soft)


def places_within(files: int) -> int:
    """Return how many clients a limit on open files allows: at least a quarter of it, at most the rest."""
    if files == resource.RLIM_INFINITY:
        return MOST_CLIENTS
    return min(MOST_CLIENTS, max(files - _OTHER_FILES, files // 4))
