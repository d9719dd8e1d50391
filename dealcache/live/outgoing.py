"""Bytes that wait until a client takes them, up to a bound."""

from __future__ import annotations

from collections import deque


class TooSlowError(Exception):
    """More waits for a client than is kept for it."""


class Outgoing:
    """A queue of bytes. What is added is kept as it is, not copied: most of it is shared by many clients.

    Args:
        most: how many bytes may wait.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: deque[bytes | bytearray] = deque()
        self._sent_of_first = 0
        self.size = 0

    def add(self, data: bytes | bytearray) -> None:
        """Put ``data`` behind what waits.

        Raises:
            TooSlowError: the bound would be passed.
        """
        if self.size + len(data) > self._most:
            raise TooSlowError
        self._parts.append(data)
        self.size += len(data)

    def first(self) -> memoryview:
        """The bytes that are to be sent next; empty when none wait."""
        return memoryview(self._parts[0])[self._sent_of_first :] if self._parts else memoryview(b"")

    def sent(self, count: int) -> None:
        """So many bytes of :meth:`first` are gone."""
        self.size -= count
        self._sent_of_first += count
        if self._sent_of_first == len(self._parts[0]):
            self._parts.popleft()
            self._sent_of_first = 0
