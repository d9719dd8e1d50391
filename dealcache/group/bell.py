"""Wakes those who wait for questions as soon as one is put, where there is a Redis; without one they look by turns."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dealcache.redis_errors import RedisUnavailable

if TYPE_CHECKING:  # redis-py is there only where it is used
    from dealcache.redis_connection import RedisConnection

log = logging.getLogger(__name__)

_CHANNEL = "questions"

#: Seconds between two tries to subscribe: each may take a time-out, in which no question is answered.
_PAUSE_SECONDS = 3.0


class Bell:
    """Rings in all processes. Any thread may ring it; one waits for it.

    Args:
        redis: the Redis that processes share; None when there is none, and nobody hears the bell.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, redis: RedisConnection | None, timer: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._timer = timer
        self._silenced = threading.Event()

    def ring(self) -> None:
        """Wake all who wait; those who do not hear it look a moment later."""
        if self._redis is None:
            return
        try:
            with self._redis.operation() as redis:
                redis.publish(self._redis.key(_CHANNEL), b"")
        except RedisUnavailable as failure:
            log.debug("nobody hears that something is asked: %s", failure)

    def turns(self, seconds: float) -> Iterator[None]:
        """Yield at once, each time that it rings, and when so many seconds have passed; end when it is silenced."""
        while not self._silenced.is_set():
            try:
                yield from self._when_it_rings(seconds)
            except RedisUnavailable as failure:
                log.debug("the bell is not heard: %s", failure)
            except Exception:
                log.exception("listening for questions failed")
            yield from self._unheard(seconds)

    def _when_it_rings(self, seconds: float) -> Iterator[None]:
        if self._redis is None:
            return
        with self._redis.subscription(_CHANNEL) as subscription:
            while not self._silenced.is_set():
                yield
                # All that came meanwhile is taken at once, and is good for one turn.
                if not list(subscription.until_answer()):
                    next(subscription.messages(seconds), None)

    def _unheard(self, seconds: float) -> Iterator[None]:
        """Turns until it is time to listen again."""
        listen_at = float("inf") if self._redis is None else self._timer() + _PAUSE_SECONDS
        while not self._silenced.is_set() and self._timer() < listen_at:
            yield
            self._silenced.wait(seconds)

    def silence(self) -> None:
        """Let nobody wait any more: this process ends."""
        self._silenced.set()
