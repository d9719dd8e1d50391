"""Waits for sockets, with as little between the kernel and the one who is called as Python allows.

A selector of the standard library makes three objects for each event, which costs more than the look into memory that a
hit is answered from. This one takes what gunicorn's threaded worker asks of its selector, and calls directly.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

#: What selectors and epoll call the same (epoll_ctl(2)).
_EVENTS = {EVENT_READ: select.EPOLLIN, EVENT_WRITE: select.EPOLLOUT}

#: Files that are called for in one turn; epoll makes room for all of them each time.
_AT_ONCE = 128


class Poller:
    """An epoll object and who is called for each of its files."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, tuple[Callable[[Any], object], Any]] = {}

    def register(self, file: Any, events: int, call: Callable[[Any], object]) -> None:
        """Call ``call(file)`` whenever there is something to do with ``file``, a socket or a descriptor.

        Args:
            file: what to watch.
            events: ``EVENT_READ`` or ``EVENT_WRITE`` of :mod:`selectors`.
            call: takes ``file``; may register, modify and unregister.
        """
        number = _number(file)
        self._epoll.register(number, _EVENTS[events])
        self._calls[number] = (call, file)

    def modify(self, file: Any, events: int, call: Callable[[Any], object]) -> None:
        """Watch a registered file for something else."""
        number = _number(file)
        self._epoll.modify(number, _EVENTS[events])
        self._calls[number] = (call, file)

    def unregister(self, file: Any) -> None:
        """Watch ``file`` no longer.

        Raises:
            KeyError: it is not registered.
        """
        number = _number(file)
        del self._calls[number]
        self._epoll.unregister(number)

    def dispatch(self, timeout: float) -> None:
        """Wait ``timeout`` seconds at most, and call for every file that has something to do."""
        calls = self._calls
        for number, _ in self._epoll.poll(timeout, _AT_ONCE):
            # Who was called before may have unregistered it.
            found = calls.get(number)
            if found is not None:
                found[0](found[1])

    def close(self) -> None:
        """Give the descriptor back."""
        self._calls.clear()
        self._epoll.close()


def _number(file: Any) -> int:
    return file if isinstance(file, int) else file.fileno()
