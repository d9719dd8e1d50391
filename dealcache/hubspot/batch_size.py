"""The number of records to ask for in one kind of call: half as many after a time-out, more while answers come.

The rule is that of TCP's congestion control: down at once, up slowly, and more slowly after each increase that failed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from dealcache.hubspot.errors import AnswerTooLarge, HubSpotError, TimedOut

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

#: Statuses that mean the same as no answer in time: HubSpot's gateway gives up after 100 seconds.
_TOO_SLOW = frozenset({408, 504, 524})

#: No call asks for fewer records: a call for ten that times out would for five too.
SMALLEST_BATCH = 10

#: Full answers in a row before more is asked for, and the most of them, after time-outs in a row.
ANSWERS_BEFORE_MORE = 8
_MOST_ANSWERS_BEFORE_MORE = 256


def wants_less(failure: HubSpotError) -> bool:
    """Return True if a call that asks for fewer records may succeed where this one failed."""
    return isinstance(failure, TimedOut | AnswerTooLarge) or failure.status in _TOO_SLOW


class BatchSize:
    """The present size of one kind of call. Thread-safe.

    Args:
        most: the size to begin with, which HubSpot allows.

    Attributes:
        size: the number of records to ask for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.size = most
        self._answers = 0
        self._answers_needed = ANSWERS_BEFORE_MORE

    def note_timeout(self, asked: int) -> bool:
        """Note that a call for ``asked`` records had no answer in time.

        Returns:
            True if the next call should ask for fewer, False if the size is the smallest.
        """
        with self._lock:
            # Several time-outs of calls of the same size, made at the same time, halve it only once.
            if SMALLEST_BATCH < asked <= self.size:
                self.size = max(SMALLEST_BATCH, asked // 2)
                self._answers = 0
                self._answers_needed = min(2 * self._answers_needed, _MOST_ANSWERS_BEFORE_MORE)
            return asked > SMALLEST_BATCH

    def note_answer(self, asked: int) -> None:
        """Note that a call for ``asked`` records was answered."""
        with self._lock:
            if asked < self.size:
                return
            self._answers += 1
            if self._answers >= self._answers_needed:
                self._answers = 0
                if self.size == self._most:
                    self._answers_needed = ANSWERS_BEFORE_MORE
                self.size = min(self._most, 2 * self.size)


class BatchSizes:
    """The sizes of all kinds of calls. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[str, BatchSize] = {}

    def ask(
        self, call: str, most: int, items: Sequence[T], ask: Callable[[Sequence[T]], R], check_stop: Callable[[], None]
    ) -> list[R]:
        """Ask for ``items`` in calls of the size that now holds for them, and return all answers.

        Args:
            call: the name of the calls, whose size is ``most`` to begin with.
            most: the most items of a call.
            items: what to ask for.
            ask: makes a call for some of them.
            check_stop: raises an exception if a call has failed because the caller is to stop.
        """
        answers: list[R] = []
        while items:
            answer, asked = self._ask(call, most, items, ask, check_stop)
            answers.append(answer)
            items = items[asked:]
        return answers

    def ask_page(self, call: str, most: int, ask: Callable[[int], R], check_stop: Callable[[], None]) -> R:
        """Ask for a page of the size that now holds for such calls; see :meth:`ask`."""
        return self._ask(call, most, range(most), lambda places: ask(len(places)), check_stop)[0]

    def _ask(
        self, call: str, most: int, items: Sequence[T], ask: Callable[[Sequence[T]], R], check_stop: Callable[[], None]
    ) -> tuple[R, int]:
        """Ask for the first of ``items``; return the answer, and how many were asked for in the end."""
        with self._lock:
            size = self._sizes.setdefault(call, BatchSize(most))
        while True:
            part = items[: size.size]
            try:
                answer = ask(part)
            except HubSpotError as failure:
                check_stop()
                if not wants_less(failure) or not size.note_timeout(len(part)):
                    raise
                sizes = size.size, len(part)
                log.warning("HubSpot is slow: %s takes %d at a time from now on, not %d: %s", call, *sizes, failure)
            else:
                size.note_answer(len(part))
                return answer, len(part)
