"""Clocks that only move when a test says so, and condition variables that obey them."""

from __future__ import annotations

import threading


class HandClock:
    """A monotonic clock that is ticked by hand; waiting on its conditions takes no real time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def jumping_condition(self) -> threading.Condition:
        """A condition whose waits jump the clock to their end, unless somebody else has moved it there."""
        return _JumpingCondition(self)

    def agreed_condition(self, threads: int) -> AgreedCondition:
        """A condition for so many threads: the clock goes on to the first end of a wait as soon as all of them wait."""
        return AgreedCondition(self, threads)

    def patient_condition(self) -> PatientCondition:
        """A condition whose waits last until :meth:`PatientCondition.tick`."""
        return PatientCondition(self)


class _JumpingCondition(threading.Condition):
    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now += timeout or 0.0
        super().wait(0)
        return True


class PatientCondition(threading.Condition):
    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock
        self.waiting = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waiting.release()
        return super().wait(30)

    def tick(self, seconds: float) -> None:
        with self:
            self._clock.now += seconds
            self.notify_all()


class AgreedCondition(threading.Condition):
    def __init__(self, clock: HandClock, threads: int) -> None:
        super().__init__()
        self._clock = clock
        self._threads = threads
        self._ends: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self._ends.append(self._clock.now + (timeout or 0.0))
        if self._go_on():
            return True
        return super().wait(30)

    def notify_all(self) -> None:
        # Who is notified waits no more, even before its thread has noticed.
        self._ends.clear()
        super().notify_all()

    def leave(self) -> None:
        """A thread will not wait any more."""
        with self:
            self._threads -= 1
            self._go_on()

    def _go_on(self) -> bool:
        if not self._ends or len(self._ends) < self._threads:
            return False
        self._clock.now = min(self._ends)
        self.notify_all()
        return True
