"""The number of records to ask for in one kind of call: half as many after a time-out, more while answers come.

The rule is that of TCP's congestion control: down at once, up slowly, and more slowly after each increase that failed.
"""

from __future__ import annotations

import threading

#: No call asks for fewer records: a call for ten that times out would for five too.
SMALLEST_BATCH = 10

#: Full answers in a row before more is asked for, and the most of them, after time-outs in a row.
ANSWERS_BEFORE_MORE = 8
_MOST_ANSWERS_BEFORE_MORE = 256


class BatchSize:
    """The present size of one kind of call. Thread-safe.

    Args:
        most: the size to begin with, which HubSpot allows.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._size = most
        self._answers = 0
        self._answers_needed = ANSWERS_BEFORE_MORE

    @property
    def size(self) -> int:
        """The number of records to ask for."""
        return self._size

    def note_timeout(self, asked: int) -> bool:
        """Note that a call for ``asked`` records had no answer in time.

        Returns:
            True if the next call should ask for fewer, False if the size is the smallest.
        """
        with self._lock:
            # Several time-outs of calls of the same size, made at the same time, halve it only once.
            if SMALLEST_BATCH < asked <= self._size:
                self._size = max(SMALLEST_BATCH, asked // 2)
                self._answers = 0
                self._answers_needed = min(2 * self._answers_needed, _MOST_ANSWERS_BEFORE_MORE)
            return asked > SMALLEST_BATCH

    def note_answer(self, asked: int) -> None:
        """Note that a call for ``asked`` records was answered."""
        with self._lock:
            if asked < self._size:
                return
            self._answers += 1
            if self._answers >= self._answers_needed:
                self._answers = 0
                if self._size == self._most:
                    self._answers_needed = ANSWERS_BEFORE_MORE
                self._size = min(self._most, 2 * self._size)


class BatchSizes:
    """The sizes of all kinds of calls. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[str, BatchSize] = {}

    def of(self, call: str, most: int) -> BatchSize:
        """Return the size of the calls named ``call``, which is ``most`` to begin with."""
        with self._lock:
            return self._sizes.setdefault(call, BatchSize(most))
