"""Background threads: work repeated until the process ends, and the maintenance of a process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

log = logging.getLogger(__name__)

#: Pending wake-ups. Unlike an Event, a SimpleQueue may be used by a signal handler that interrupts its own thread in
#: the middle of a call.
Wakes = SimpleQueue[None]

#: Seconds between two rounds of maintenance, and until a task of the start that failed is tried again.
ROUND_SECONDS, RETRY_SECONDS = 5.0, 15.0


def wait_for_wake(wakes: Wakes, seconds: float | None) -> None:
    """Wait until woken, or for so many seconds; None: only until woken."""
    try:
        wakes.get(timeout=seconds)
    except Empty:
        return


class BackgroundThread:
    """Runs ``work`` in a daemon thread, once per interval and whenever it is woken, until it is stopped.

    A failure is logged and does not end the thread. Expected failures are logged with one warning when they begin and
    one line when they are over, any other exception with its traceback.

    Threads do not survive a fork, so :meth:`start` is called after it. Methods may be called by any thread, and
    :meth:`wake` by a signal handler.

    Args:
        name: of the thread, as in "<name> failed".
        work: one round; returns the seconds until the next one, or None for the interval.
        interval: seconds between two rounds; None: the next round comes when woken.
        expected: exceptions that are not bugs, such as a database that does not answer.
        retry_after: seconds until the next round after a failure; the interval unless given.
        longest_retry: doubles ``retry_after`` with each failure in a row up to this; it stays the same unless given.
        wait: waits for wake-ups; tests replace it.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float | None],
        interval: float | None = None,
        *,
        expected: tuple[type[Exception], ...] = (),
        retry_after: float | None = None,
        longest_retry: float = 0.0,
        wait: Callable[[Wakes, float | None], None] = wait_for_wake,
    ) -> None:
        self.name = name
        self._work = work
        self._interval = interval
        self._expected = expected
        self._retry_after = interval if retry_after is None else retry_after
        self._longest_retry = longest_retry
        self._wait = wait
        self._wakes: Wakes = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._failures = 0  # in a row
        self._warned = False

    @property
    def is_stopping(self) -> bool:
        """True once the thread was asked to end; long work checks it."""
        return self._stopping

    def start(self, delay: float | None = 0.0) -> None:
        """Start the thread; does nothing if it was started or stopped before.

        Args:
            delay: seconds until the first round; None: it comes when woken.
        """
        with self._lock:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, args=(delay,), name=self.name, daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Begin the next round at once, or right after the present one; several wake-ups meanwhile count as one."""
        if self._wakes.empty():
            self._wakes.put(None)

    def stop(self, within: float = 2.0) -> bool:
        """Tell the thread to end after the present round, and wait for it.

        Args:
            within: seconds to wait at most.

        Returns:
            True if it has ended.
        """
        with self._lock:
            self._stopping = True
        self._wakes.put(None)
        if self._thread is not None:
            self._thread.join(within)
        return self._thread is None or not self._thread.is_alive()

    def run_once(self) -> float | None:
        """Run one round, and return the seconds until the next one; None: it waits to be woken."""
        try:
            pause = self._work()
        except Exception as failure:  # noqa: BLE001 - whatever it is, the next round is tried
            return self._failed(failure)
        self._failures = 0
        if self._warned:
            self._warned = False
            log.info("%s works again", self.name)
        return self._interval if pause is None else pause

    def _failed(self, failure: Exception) -> float | None:
        pause = self._retry_after
        if pause is not None:
            pause = max(pause, min(self._longest_retry, pause * 2.0**self._failures))
        self._failures += 1
        if self._stopping:
            log.debug("%s failed while the process ends: %s", self.name, failure)
        elif not isinstance(failure, self._expected):
            log.error("%s failed and continues", self.name, exc_info=failure)
        elif not self._warned:
            self._warned = True
            log.warning("%s failed and is tried again: %s", self.name, failure)
        return pause

    def _run(self, delay: float | None) -> None:
        if delay != 0.0:
            self._wait(self._wakes, delay)
        while not self._stopping:
            while not self._wakes.empty():
                self._wakes.get()
            if self._stopping:  # the wake-up of stop() may be the one that was taken
                return
            pause = self.run_once()
            if not self._stopping:
                self._wait(self._wakes, pause)


class Maintenance:
    """Recurring tasks, and tasks of the start until they succeed, one after the other in a background thread.

    A task that fails is logged as :class:`BackgroundThread` does, and does not keep others from being done.

    Args:
        recurring: the tasks of every round, by name; one that returns seconds is not done again before these are over.
        once: the tasks to do until they succeed, by name; failed ones are retried after :data:`RETRY_SECONDS`.
        expected: exceptions that are not bugs.
        clock: the monotonic clock, in seconds.

    ``thread`` is to be started after the fork.
    """

    def __init__(
        self,
        recurring: Mapping[str, Callable[[], float | None]],
        once: Mapping[str, Callable[[], None]],
        expected: tuple[type[Exception], ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # None of these threads is started: their rounds are run here.
        self._tasks = [BackgroundThread(name, task, 0.0, expected=expected) for name, task in recurring.items()]
        for name, task in once.items():
            self._tasks.append(BackgroundThread(name, task, expected=expected, retry_after=RETRY_SECONDS))
        self._due: dict[str, float] = {}
        self._clock = clock
        self.thread = BackgroundThread("maintenance", self.run_round, ROUND_SECONDS)

    def run_round(self) -> None:
        """Run all tasks that are due, unless the process is stopping."""
        for task in list(self._tasks):
            if self.thread.is_stopping:
                return
            if self._clock() < self._due.get(task.name, float("-inf")):
                continue
            pause = task.run_once()
            if pause is None:
                self._tasks.remove(task)
            else:
                self._due[task.name] = self._clock() + pause

    def stop(self) -> None:
        """Ask the thread to end after its present task; one that fails because all is closed is no failure."""
        self.thread.stop(0.0)
        for task in self._tasks:
            task.stop()
