"""Keeps this process in touch with the others: gives signs of life, and answers what they ask."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from dealcache.figures import Figures
from dealcache.group.bell import Bell
from dealcache.group.presence import Presence
from dealcache.group.survey import Survey
from dealcache.repositories import StatsExchange, StoreError

if TYPE_CHECKING:  # redis-py is there only where it is used
    from dealcache.redis_connection import RedisConnection

log = logging.getLogger(__name__)

#: Seconds between two looks for questions when nothing tells of them: a quarter of what an asker has patience for.
_LOOK_SECONDS = 0.25

_STOP_SECONDS = 2.0


class Colleagues:
    """The thread that does so.

    Args:
        presence: gives the signs of life.
        exchange: where questions and answers are left.
        redis: the Redis that processes share; None when there is none.
        own: what this process has to tell.
    """

    def __init__(
        self,
        presence: Presence,
        exchange: StatsExchange,
        redis: RedisConnection | None,
        own: Callable[[], Figures],
    ) -> None:
        self._presence = presence
        self._bell = Bell(redis)
        self.survey = Survey(exchange, presence, self._bell, own)
        self._in_touch = True
        # A daemon: a process that ends must not wait for it.
        self._thread = threading.Thread(target=self._run, name="colleagues", daemon=True)

    def start(self) -> None:
        """Begin. Called after the fork."""
        self._presence.answers_questions()
        self._thread.start()

    def stop(self) -> None:
        """End, and tell the others. Called before the connections are closed."""
        self._bell.silence()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
            self._presence.leave()

    def _run(self) -> None:
        for _ in self._bell.turns(_LOOK_SECONDS):
            try:
                self._presence.keep()
                self.survey.answer()
            except StoreError as failure:
                self._note(in_touch=False, why=str(failure))
            except Exception:
                log.exception("keeping in touch with other workers failed")
            else:
                self._note(in_touch=True)

    def _note(self, in_touch: bool, why: str = "") -> None:
        """Say in the log when the touch is lost, and when it is found again."""
        if in_touch != self._in_touch:
            self._in_touch = in_touch
            if in_touch:
                log.info("in touch with the other workers again")
            else:
                log.warning("out of touch with the other workers: %s", why)
