"""Asks all workers what their caches hold, and answers when others ask.

Question and answer go through MongoDB, which all workers share anyway; Redis, where there is one, only wakes those who
are asked. Who is alone asks nobody.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence

from dealcache.figures import MOST_KEYS, Figures, Summary, summary
from dealcache.group.bell import Bell
from dealcache.group.figures_message import decode, encode
from dealcache.group.presence import Presence
from dealcache.repositories import StatsExchange, StoreError
from dealcache.workers import Worker

log = logging.getLogger(__name__)

#: Seconds for which answers are waited for, and between two looks for them.
PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.015


class Survey:
    """The cache figures of this worker, and of all.

    Args:
        exchange: where questions and answers are left.
        presence: knows who lives.
        bell: wakes those who are asked.
        own: what this worker has to tell.
        timer: the monotonic clock, in seconds.
        sleep: lets so many seconds pass.
    """

    def __init__(
        self,
        exchange: StatsExchange,
        presence: Presence,
        bell: Bell,
        own: Callable[[], Figures],
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = exchange
        self._presence = presence
        self._bell = bell
        self._own = own
        self._timer = timer
        self._sleep = sleep

    def here(self, prefix: str, limit: int) -> Summary:
        """The figures of this worker; see :func:`dealcache.figures.summary`."""
        return summary([self._own()], prefix, limit)

    def everywhere(self, prefix: str, limit: int) -> Summary:
        """The figures of all workers that live, or of those that tell theirs within a second.

        When MongoDB fails, it is this worker alone that tells; the summary says so.
        """
        try:
            asked = [one for one in self._presence.look() if one.answers]
        except StoreError as failure:
            log.debug("nobody can be asked: %s", failure)
            missing = [one.shown for one in self._presence.others if one.answers]
            return summary([self._own()], prefix, limit, missing, all_asked=False)
        answers = self._ask(asked) if asked else {}
        missing = [one.shown for one in asked if one.owner not in answers]
        return summary([self._own(), *answers.values()], prefix, limit, missing, all_asked=self._presence.is_sure)

    def _ask(self, asked: Sequence[Worker]) -> dict[str, Figures]:
        """What others tell in time, by their owners."""
        question = uuid.uuid4().hex
        answers: dict[str, Figures | None] = {}
        deadline = self._timer() + PATIENCE_SECONDS
        try:
            self._exchange.ask(question, [one.owner for one in asked])
            self._bell.ring()
            while len(answers) < len(asked) and self._timer() < deadline:
                self._sleep(_LOOK_SECONDS)
                for owner, message in self._exchange.answers(question, answers).items():
                    answers[owner] = _read(message)
            self._exchange.forget(question)
        except StoreError as failure:
            log.debug("not all workers could be asked: %s", failure)
        return {owner: figures for owner, figures in answers.items() if figures is not None}

    def answer(self) -> None:
        """Answer whatever is asked of this worker.

        Raises:
            StoreError: MongoDB failed.
        """
        while (question := self._exchange.take(self._presence.owner)) is not None:
            self._exchange.answer(question, self._presence.owner, encode(self._own().told_in(MOST_KEYS)))


def _read(message: bytes) -> Figures | None:
    try:
        return decode(message)
    except ValueError as error:
        log.warning("the figures of a worker cannot be read: %s", error)
        return None
