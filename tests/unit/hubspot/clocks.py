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
