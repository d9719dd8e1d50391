"""Many calls at once for one caller, whose own thread handles all results.

The calls run in an executor, which many callers may share; their results are handled in the caller's thread. So no
thread of the executor ever waits for another one, and the caller's state needs no locks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from dealcache.hubspot.errors import HubSpotError, TimedOut, Unavailable
from dealcache.model.deadline import Deadline

T = TypeVar("T")

#: Seconds between two checks of a waiting caller for a request to stop.
_POLL_SECONDS = 0.25


def submit_to(executor: Executor, call: Callable[[], T]) -> Future[T]:
    """Submit ``call`` with the caller's context, so that its log lines carry the id of its request.

    The future fails with Unavailable if the executor was shut down, because the process is exiting.
    """
    try:
        return executor.submit(partial(copy_context().run, call))
    except RuntimeError as closed:
        failure = Unavailable("the threads for HubSpot were shut down")
        failure.__cause__ = closed
        return _failed(failure)


def _failed(failure: HubSpotError) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(failure)
    return future


class _Callbacks(NamedTuple):
    on_result: Callable[[Any], None]
    on_failure: Callable[[HubSpotError], None] | None


class WorkerPool:
    """Runs the calls of one caller in an executor. Used by one thread.

    A HubSpotError of a call goes to its ``on_failure``, as does one that ``on_result`` raises because the answer was of
    no use; without ``on_failure`` it is raised where the caller waits. Any other exception is always raised there.

    Args:
        executor: runs the calls.
        limit: calls in progress at once; the others queue here, so that they leave threads to other callers.
        deadline: when it passes, everything awaited fails with TimedOut.
        ahead: runs the calls that others depend on, such as the pages of a list, which come one after the other.
        check_stop: raises an exception to end the caller's waiting.
    """

    def __init__(
        self,
        executor: Executor,
        limit: int,
        deadline: Deadline | None = None,
        ahead: Executor | None = None,
        check_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._executor = executor
        self._limit = limit
        self._deadline = deadline or Deadline(inf)
        self._ahead = ahead or executor
        self._check_stop = check_stop
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._awaited: dict[Future[Any], _Callbacks] = {}
        self._own: set[Future[Any]] = set()
        self._queue: deque[tuple[Callable[[], Any], _Callbacks]] = deque()

    @property
    def pending(self) -> int:
        """Number of calls whose results have not been handled."""
        return len(self._awaited) + len(self._queue)

    def submit(
        self,
        call: Callable[[], T],
        on_result: Callable[[T], None] = lambda _result: None,
        on_failure: Callable[[HubSpotError], None] | None = None,
        *,
        ahead: bool = False,
        first: bool = False,
    ) -> None:
        """Run ``call`` in the executor ``ahead``, or as soon as fewer than ``limit`` calls are in progress.

        ``first`` puts it in front of the calls that queue here.
        """
        self._check_stop()
        callbacks = _Callbacks(on_result, on_failure)
        if ahead:
            self._start(self._ahead, call, callbacks)
        else:
            self._queue.insert(0 if first else len(self._queue), (call, callbacks))
            self._fill()

    def call(self, call: Callable[[], T]) -> T:
        """Return the result of ``call``, which runs ahead of others; results that come before it are handled."""
        results: list[T] = []
        failures: list[HubSpotError] = []
        self.submit(call, results.append, failures.append, ahead=True)
        while not results and not failures:
            self.handle_next()
        if failures:
            raise failures[0]
        return results[0]

    def handle_next(self) -> None:
        """Wait for one result and handle it; when the deadline passes instead, everything awaited fails."""
        while True:
            self._check_stop()
            try:
                future = self._done.get(timeout=min(_POLL_SECONDS, self._deadline.remaining()))
                break
            except Empty:
                if self._deadline.expired():
                    self._time_out()
                    return
        self._own.discard(future)
        # Everything that is left may have been cancelled meanwhile.
        if (callbacks := self._awaited.pop(future, None)) is not None:
            self._pass_on(callbacks, future)
        self._fill()

    def wait_for_room(self) -> None:
        """Handle results until fewer than ``limit`` calls are pending, so that new ones come in time."""
        while self.pending >= self._limit:
            self.handle_next()

    def wait_all(self) -> None:
        """Handle all results, also of calls that are submitted on the way."""
        while self._awaited:
            self.handle_next()

    def cancel_all(self) -> None:
        """Stop awaiting results, and cancel the calls that have not begun.

        The others end by themselves, at their deadline at the latest.
        """
        for future in self._own:
            future.cancel()
        self._own.clear()
        self._awaited.clear()
        self._queue.clear()

    def _fill(self) -> None:
        while self._queue and len(self._own) < self._limit:
            self._start(self._executor, *self._queue.popleft())

    def _start(self, executor: Executor, call: Callable[[], Any], callbacks: _Callbacks) -> None:
        future = submit_to(executor, call)
        self._own.add(future)
        self._awaited[future] = callbacks
        future.add_done_callback(self._done.put)

    def _pass_on(self, callbacks: _Callbacks, future: Future[Any]) -> None:
        try:
            callbacks.on_result(future.result())
        except HubSpotError as failure:
            self._check_stop()  # calls of a caller that is to stop fail
            if callbacks.on_failure is None:
                raise
            callbacks.on_failure(failure)

    def _time_out(self) -> None:
        unanswered = [*self._awaited.values(), *(callbacks for _, callbacks in self._queue)]
        self.cancel_all()
        for callbacks in unanswered:
            self._pass_on(callbacks, _failed(TimedOut("HubSpot did not answer all calls in time")))
