"""Time limits for each step of one exchange with HubSpot, whatever the other side does.

A time-out of a socket bounds the wait for the next byte, which a peer that sends one byte a second never exceeds. So
here every step has an end: connecting, sending, the head of the answer, its body; and all end at the call's deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from dealcache.model.deadline import Deadline

#: Seconds to establish a connection: resolving the name, connecting, the proxy, TLS.
CONNECT_SECONDS = 10.0

#: Seconds for one of a host's addresses: the next one may answer.
ADDRESS_SECONDS = 3.0

#: Seconds to send a request: the largest has 30 kB.
SEND_SECONDS = 10.0

#: Seconds for the head of an answer after its first byte: a server sends it in one piece.
HEAD_SECONDS = 10.0

#: Seconds for the body of an answer, and between two bytes of it.
BODY_SECONDS = 60.0
IDLE_SECONDS = 10.0


class CallTimer:
    """The time left for the present step of an exchange; used by one thread.

    Args:
        deadline: the call's deadline, which may move nearer meanwhile: that of a sync does when it is cancelled.
        answer_seconds: how long to wait for the first byte of an answer.
        clock: the monotonic clock, in seconds.
        turn: held during the exchange, except while it waits; a lock of its own unless given. Exchanges that share one
            compute one after the other. Without that, as many threads as answers come at the same moment would queue
            for the interpreter's lock, and the event loop, which needs it for each hit, behind all of them.
    """

    def __init__(
        self,
        deadline: Deadline,
        answer_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        turn: threading.Lock | None = None,
    ) -> None:
        self.turn = turn or threading.Lock()
        self._deadline = deadline
        self._answer_seconds = answer_seconds
        self._clock = clock
        self._head_begun = False
        self._idle_seconds = 0.0
        self._idle_until = float("inf")
        self._step_until = float("inf")

    def start_connecting(self) -> None:
        """Note that a connection is being made."""
        self._step(CONNECT_SECONDS)

    def start_sending(self) -> None:
        """Note that the request is being sent."""
        self._step(SEND_SECONDS)

    def start_waiting(self) -> None:
        """Note that the request is sent."""
        self._step(self._answer_seconds)
        self._head_begun = False

    def start_body(self) -> None:
        """Note that the head of the answer has been read."""
        self._step(BODY_SECONDS)
        self._idle_seconds = IDLE_SECONDS
        self.note_received()

    def note_received(self) -> None:
        """Note that bytes were received."""
        if self._idle_seconds:
            self._idle_until = self._clock() + self._idle_seconds
        elif not self._head_begun:
            self._head_begun = True
            self._step_until = min(self._step_until, self._clock()) + HEAD_SECONDS

    @contextmanager
    def waiting_for_network(self) -> Iterator[None]:
        """Let other exchanges compute while this one waits for the network."""
        self.turn.release()
        try:
            yield
        finally:
            self.turn.acquire()

    def left(self) -> float:
        """Return the seconds left, never below 0."""
        step = min(self._step_until, self._idle_until) - self._clock()
        return max(0.0, min(self._deadline.remaining(), step))

    def _step(self, seconds: float) -> None:
        self._step_until = self._clock() + seconds
        self._idle_seconds, self._idle_until = 0.0, float("inf")


_under_way: ContextVar[CallTimer] = ContextVar("exchange under way")


@contextmanager
def timed(timer: CallTimer) -> Iterator[None]:
    """Bind the connections that this thread uses to ``timer``, whose turn it takes."""
    with timer.turn:
        token = _under_way.set(timer)
        try:
            yield
        finally:
            _under_way.reset(token)


def current_timer() -> CallTimer:
    """Return the timer of the exchange that this thread makes.

    Raises:
        LookupError: there is none.
    """
    return _under_way.get()
