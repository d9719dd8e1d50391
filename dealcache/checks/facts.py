"""Gathers facts side by side within a time limit, whatever hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from dealcache.model.deadline import Deadline

#: Stands for the value of a question that was not answered in time.
NO_ANSWER: Final = TimeoutError("no answer in time")

#: The answer to each question, or its failure, by the question's name.
Facts: TypeAlias = Mapping[str, object]


def gather(
    questions: Mapping[str, Callable[[], object]], deadline: Deadline, expected: tuple[type[Exception], ...]
) -> Facts:
    """Ask all questions at once, and return the answers that came by the deadline.

    Each question has a daemon thread, so that one that hangs keeps the process neither waiting nor from ending.

    Args:
        questions: return an answer each.
        deadline: how long to wait for all of them together.
        expected: errors that are answers too. Any other one is a fault of ours, which Python reports as such; the
            question then counts as not answered.
    """
    answers: dict[str, object] = {}

    def ask(name: str, question: Callable[[], object]) -> None:
        try:
            answers[name] = question()
        except expected as error:
            answers[name] = error

    threads = [
        threading.Thread(target=ask, args=asked, name=f"check {asked[0]}", daemon=True) for asked in questions.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline.remaining())
    known = dict(answers)
    return {name: known.get(name, NO_ANSWER) for name in questions}
