"""Answers of MongoDB that count for a while, so that they are not asked for each time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

Answer = TypeVar("Answer")

#: Questions that are remembered at most.
_MOST = 64


class RecentAnswers(Generic[Answer]):
    """Remembers answers, none of which is None. Thread-safe; several threads may ask the same at once.

    Args:
        seconds: for how long an answer counts.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, seconds: float, timer: Callable[[], float]) -> None:
        self._answers: TTLCache[str, Answer] = TTLCache(_MOST, seconds, timer)
        self._lock = threading.Lock()

    def get(self, question: str, ask: Callable[[], Answer]) -> Answer:
        """Return the answer to ``question``: the remembered one, or that of ``ask``, which is remembered."""
        with self._lock:
            known = self._answers.get(question)
        if known is None:
            known = ask()
            self.remember(question, known)
        return known

    def remember(self, question: str, answer: Answer) -> None:
        """Remember an answer that was found in another way."""
        with self._lock:
            self._answers[question] = answer
