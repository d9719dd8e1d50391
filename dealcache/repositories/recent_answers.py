"""Answers of MongoDB that count for a while, so that they are not asked for each time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TTLCache

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

#: Questions that are remembered at most, if nothing else is said.
_MOST = 64


class RecentAnswers(Generic[Question, Answer]):
    """Remembers answers, none of which is None. Thread-safe; several threads may ask the same at once.

    Args:
        seconds: for how long an answer counts.
        timer: the monotonic clock, in seconds.
        most: how many questions are remembered at most.
    """

    def __init__(self, seconds: float, timer: Callable[[], float], most: int = _MOST) -> None:
        self._answers: TTLCache[Question, Answer] = TTLCache(most, seconds, timer)
        self._lock = threading.Lock()

    def get(self, question: Question, ask: Callable[[], Answer]) -> Answer:
        """Return the answer to ``question``: the remembered one, or that of ``ask``, which is remembered."""
        known = self.known(question)
        if known is None:
            known = ask()
            self.remember(question, known)
        return known

    def known(self, question: Question) -> Answer | None:
        """Return the remembered answer to ``question``; None if there is none."""
        with self._lock:
            return self._answers.get(question)

    def remember(self, question: Question, answer: Answer) -> None:
        """Remember an answer that was found in another way."""
        with self._lock:
            self._answers[question] = answer
