"""Many calls at once for one caller, who alone waits for them.

The calls run in a shared pool, what follows from their results runs in the caller's own thread. So no thread of the
pool ever waits for another one, and any number of loads can share a small pool without locking each other out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextvars import copy_context
from functools import partial
from typing import Any, NamedTuple, TypeVar

from dealcache.deadline import Deadline
from dealcache.hubspot.errors import HubSpotError, TimedOut, Unavailable

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


#: Calls that one load has under way at once: more than HubSpot's limits let through at a second per call, and half of
#: the pool, so that a load of a hundred deals leaves threads to others.
CALLS_AT_ONCE = 16


class _Awaited(NamedTuple):
    """What follows from a call: from its result, and, unless that is to be raised, from its failure."""

    then: Callable[[Any], None]
    otherwise: Callable[[HubSpotError], None] | None


class Fanout:
    """The calls under way for one load; used by one thread.

    Args:
        executor: runs the calls.
        deadline: until when the caller waits.
    """

    def __init__(self, executor: Executor, deadline: Deadline) -> None:
        self._executor = executor
        self._deadline = deadline
        self._pending: dict[Future[Any], _Awaited] = {}
        self._own: set[Future[Any]] = set()
        self._queue: deque[tuple[Callable[[], Any], _Awaited]] = deque()

    def start(
        self, call: Callable[[], T], then: Callable[[T], None], otherwise: Callable[[HubSpotError], None]
    ) -> None:
        """Run ``call`` in the pool, as soon as no more than :data:`CALLS_AT_ONCE` are under way.

        :meth:`finish` gives its result to ``then``, or its failure to ``otherwise``. A failure of ``then`` counts as
        the call's: its answer was of no use.
        """
        self._queue.append((call, _Awaited(then, otherwise)))
        self._submit()

    def _submit(self) -> None:
        while self._queue and len(self._own) < CALLS_AT_ONCE:
            call, awaited = self._queue.popleft()
            try:
                future = submitted(self._executor, call)
            except Unavailable as closed:
                _pass_on(awaited, partial(_raise, closed))
            else:
                self._own.add(future)
                self._pending[future] = awaited

    def join(self, future: Future[T], then: Callable[[T], None]) -> None:
        """Wait for ``future`` too, which others may share and which is therefore never cancelled here."""
        self._pending[future] = _Awaited(then, None)

    def finish(self) -> None:
        """Wait for all calls, also for those that are started on the way, and pass each result on as it comes.

        When the deadline passes, all that is still awaited fails with TimedOut.

        Raises:
            HubSpotError: what a joined future raised; the others are not waited for.
        """
        while self._pending:
            done, _ = wait(self._pending, self._deadline.remaining(), FIRST_COMPLETED)
            if not done:
                self._give_up()
            for future in done:
                self._own.discard(future)
                # The calls that are left may have been abandoned meanwhile.
                if (awaited := self._pending.pop(future, None)) is not None:
                    _pass_on(awaited, future.result)
            self._submit()

    def _give_up(self) -> None:
        unanswered = [*self._pending.values(), *(awaited for _, awaited in self._queue)]
        self.abandon()
        late = TimedOut("HubSpot did not answer all calls in time")
        for awaited in unanswered:
            _pass_on(awaited, partial(_raise, late))

    def abandon(self) -> None:
        """Await no call any more, and take back those that have not begun.

        Those that have end by themselves, at the deadline at the latest.
        """
        for future in self._own:
            future.cancel()
        self._own.clear()
        self._pending.clear()
        self._queue.clear()


def _pass_on(awaited: _Awaited, result: Callable[[], Any]) -> None:
    try:
        awaited.then(result())
    except HubSpotError as failure:
        if awaited.otherwise is None:
            raise
        awaited.otherwise(failure)


def _raise(failure: HubSpotError) -> None:
    raise failure
