"""Bounds on the bytes that clients send, and on those that wait to be sent to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


class TokenBucket:
    """A token bucket: a limit per second, of which unused tokens may be taken later, up to a reserve.

    Args:
        rate: tokens per second.
        reserve: the most tokens, and those at the start.
        clock: the monotonic clock, in seconds.
    """

    __slots__ = ("_at", "_clock", "_left", "_rate", "_reserve")

    def __init__(self, rate: float, reserve: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._reserve = reserve
        self._clock = clock
        self._left = reserve
        self._at = clock()

    def take(self, amount: float) -> bool:
        """Take tokens; return False if fewer are left, in which case the difference is owed."""
        now = self._clock()
        self._left = min(self._reserve, self._left + (now - self._at) * self._rate) - amount
        self._at = now
        return self._left >= 0


class ClientDroppedError(Exception):
    """A client must be dropped: it is ``slow``, and more waits for it than is kept, or its messages are a ``flood``."""


@dataclass(slots=True)
class Total:
    """The bytes that wait in several queues together, and their bound, beyond which only empty queues accept more."""

    most: int
    size: int = 0


class Outgoing:
    """The bytes that wait until a client takes them. They are not copied: most are shared by many clients.

    Args:
        most: the most bytes that may wait.
        total: the bytes that wait in this and other queues.
    """

    def __init__(self, most: int, total: Total | None = None) -> None:
        self._most = most
        self._total = total or Total(most)
        self._parts: deque[bytes | bytearray] = deque()
        self._sent_of_first = 0
        self.size = 0

    def add(self, data: bytes | bytearray) -> None:
        """Append ``data``.

        Raises:
            ClientDroppedError: the bound would be exceeded.
        """
        size = len(data)
        # A client that takes everything must not suffer from others that do not.
        if self.size + size > self._most or (self.size and self._total.size + size > self._total.most):
            raise ClientDroppedError("slow")
        self._parts.append(data)
        self.size += size
        self._total.size += size

    def first(self) -> memoryview:
        """Return the bytes to send next; empty if none wait."""
        return memoryview(self._parts[0])[self._sent_of_first :] if self._parts else memoryview(b"")

    def sent(self, count: int) -> None:
        """Remove so many bytes of :meth:`first`: they are sent."""
        self.size -= count
        self._total.size -= count
        self._sent_of_first += count
        if self._sent_of_first == len(self._parts[0]):
            self._parts.popleft()
            self._sent_of_first = 0

    def clear(self) -> None:
        """Drop all waiting bytes."""
        self._total.size -= self.size
        self.size = self._sent_of_first = 0
        self._parts.clear()
