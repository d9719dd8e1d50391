"""Many calls at once for one caller, who alone waits for them.

The calls run in a shared pool, what follows from their results runs in the caller's own thread. So no thread of the
pool ever waits for another one, and any number of loads can share a small pool without locking each other out.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from dealcache.deadline import Deadline
from dealcache.hubspot.errors import TimedOut, Unavailable

T = TypeVar("T")


def submitted(executor: Executor, call: Callable[[], T]) -> Future[T]:
    """Have ``executor`` run ``call``, whose log lines carry the id of the request that it is for.

    Raises:
        Unavailable: the executor was shut down, because the process is about to end.
    """
    try:
        return executor.submit(partial(copy_context().run, call))
    except RuntimeError as closed:
        raise Unavailable("the threads for HubSpot were shut down") from closed


class Fanout:
    """The calls under way for one load; used by one thread.

    Args:
        executor: runs the calls.
        deadline: until when the caller waits.
    """

    def __init__(self, executor: Executor, deadline: Deadline) -> None:
        self._executor = executor
        self._deadline = deadline
        self._pending: dict[Future[Any], Callable[[Any], None]] = {}
        self._own: set[Future[Any]] = set()

    def start(self, call: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run ``call`` in the pool; :meth:`finish` gives its result to ``then``."""
        future = submitted(self._executor, call)
        self._own.add(future)
        self._pending[future] = then

    def join(self, future: Future[T], then: Callable[[T], None]) -> None:
        """Wait for ``future`` too, which others may share and which is therefore never cancelled here."""
        self._pending[future] = then

    def finish(self) -> None:
        """Wait for all calls, also for those that are started on the way, and pass each result on as it comes.

        Raises:
            TimedOut: the deadline passed first.
            Exception: what the first failing call raised; the others are not waited for.
        """
        while self._pending:
            done, _ = wait(self._pending, self._deadline.remaining(), FIRST_COMPLETED)
            if not done:
                raise TimedOut("HubSpot did not answer all calls in time")
            for future in done:
                then = self._pending.pop(future)
                self._own.discard(future)
                then(future.result())

    def abandon(self) -> None:
        """Take back the calls that have not begun; those that have end by themselves, at the deadline at the latest."""
        for future in self._own:
            future.cancel()
