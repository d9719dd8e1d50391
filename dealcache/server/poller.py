"""Waits for sockets, with as little overhead between the kernel and the callback as Python allows.

A selector of the standard library makes three objects for each event, which costs more than the memory look-up of a
hit. This one has the methods that gunicorn's threaded worker calls, and calls back directly.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

#: epoll's names of the events of selectors (epoll_ctl(2)).
_EVENTS = {EVENT_READ: select.EPOLLIN, EVENT_WRITE: select.EPOLLOUT}

#: The most events of one turn; epoll allocates memory for all of them each time.
_AT_ONCE = 128

Call = Callable[[Any], object]


class Poller:
    """An epoll object, and the function to call for each of its files.

    Args:
        on_error: takes the argument of a call that failed, and its error, which it may raise again. One guard for all
            calls: a wrapper around each of them would cost time in each hit.

    ``woken`` is when the calls of this turn began (monotonic seconds), read once for all of them.
    """

    def __init__(self, on_error: Callable[[Any, Exception], object]) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, tuple[Call, Any]] = {}
        self._on_error = on_error
        self.woken = 0.0

    def register(self, file: Any, events: int, call: Call, argument: Any = None) -> None:
        """Call ``call(argument)`` whenever ``file``, a socket or a descriptor, is ready; replaces an earlier request.

        Args:
            file: what to watch.
            events: ``EVENT_READ`` or ``EVENT_WRITE`` of :mod:`selectors`.
            call: may register and unregister.
            argument: ``file`` itself unless given.
        """
        number = _number(file)
        ask = self._epoll.modify if number in self._calls else self._epoll.register
        ask(number, _EVENTS[events])
        self._calls[number] = (call, file if argument is None else argument)

    def unregister(self, file: Any) -> None:
        """Stop watching ``file``.

        Raises:
            KeyError: it is not registered.
        """
        number = _number(file)
        del self._calls[number]
        self._epoll.unregister(number)

    def dispatch(self, timeout: float) -> None:
        """Wait ``timeout`` seconds at most, and make the call of every file that is ready."""
        calls = self._calls
        events = self._epoll.poll(timeout, _AT_ONCE)
        self.woken = time.monotonic()
        for number, _ in events:
            # An earlier call of this turn may have unregistered it.
            found = calls.get(number)
            if found is not None:
                call, argument = found
                try:
                    call(argument)
                except Exception as error:  # noqa: BLE001 - the boundary around a connection
                    self._on_error(argument, error)

    def close(self) -> None:
        """Close the descriptor."""
        self._calls.clear()
        self._epoll.close()


def _number(file: Any) -> int:
    return file if isinstance(file, int) else file.fileno()
