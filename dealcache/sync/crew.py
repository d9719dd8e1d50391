"""Many calls at once for one job, whose own thread alone decides what follows from them.

Calls and writes run in a pool; what they bring is handed to the job's thread, one result after the other. So the state
of a job needs no locks, and a job that is told to stop notices between two results.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from dealcache.sync.stop import StopSign

T = TypeVar("T")

#: How often a waiting job looks whether it is to stop, in seconds.
_LOOK_SECONDS = 0.25


class Crew:
    """The work under way for one job; used by one thread.

    Args:
        executor: runs the work.
        ahead: runs what can only come one after the other, such as the pages of a list: it must not queue behind the
            rest, or everybody waits for it in the end.
        size: how many threads ``executor`` has.
        stop: tells when to stop.
    """

    def __init__(self, executor: Executor, ahead: Executor, size: int, stop: StopSign) -> None:
        self._executor = executor
        self._ahead = ahead
        self._stop = stop
        self._size = size
        self._results: SimpleQueue[Future[Any]] = SimpleQueue()
        self._pending: dict[Future[Any], Callable[[Any], None]] = {}

    @property
    def pending(self) -> int:
        """How much work was started and not yet taken in."""
        return len(self._pending)

    def start(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run ``work`` in the pool; its result goes to ``then``, in the job's thread."""
        self._submit(self._executor, work, then)

    def start_ahead(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run ``work`` before all that is waiting for the pool; its result goes to ``then``."""
        self._submit(self._ahead, work, then)

    def _submit(self, executor: Executor, work: Callable[[], T], then: Callable[[T], None]) -> None:
        self._stop.check()
        future = executor.submit(work)
        self._pending[future] = then
        future.add_done_callback(self._results.put)

    def step(self) -> None:
        """Wait for one result and take it in.

        Raises:
            StoppedError: the job is to stop.
            Exception: what the work raised.
        """
        while True:
            self._stop.check()
            try:
                future = self._results.get(timeout=_LOOK_SECONDS)
            except Empty:
                continue
            self._pending.pop(future)(future.result())
            return

    def settle(self) -> None:
        """Take in results until there is little left to do, so that whoever brings new work brings it in time."""
        while len(self._pending) >= 2 * self._size:
            self.step()

    def result(self, work: Callable[[], T]) -> Promise[T]:
        """Run ``work`` ahead of what waits; :meth:`Promise.get` takes in other results until this one is there."""
        return Promise(self, work)

    def finish(self) -> None:
        """Take in all results, also of work that is started on the way."""
        while self._pending:
            self.step()

    def abandon(self) -> None:
        """Take back the work that has not begun. What has begun ends by itself; nobody hears of it."""
        for future in self._pending:
            future.cancel()
        self._pending.clear()


class Promise(Generic[T]):
    """One result of a crew's work that the job waits for; see :meth:`Crew.result`."""

    def __init__(self, crew: Crew, work: Callable[[], T]) -> None:
        self._crew = crew
        self._found: list[T] = []
        crew.start_ahead(work, self._found.append)

    def get(self) -> T:
        """The result; takes in others while it is not there."""
        while not self._found:
            self._crew.step()
        return self._found[0]
