"""Makes, checks and gives up the sums of activities, in a background thread that starts with the first question."""

from __future__ import annotations

import threading

from dealcache.background import BackgroundThread
from dealcache.repositories import ActivityCheck, ActivityGenerations, StoreError

#: Seconds between two looks whether there is something to do, two rounds of a check, and two looks whether another
#: process has made the sums.
_INTERVAL, _CHECKING, _WAITING = 60.0, 5.0, 0.25


class ActivityMaintenance:
    """Makes the sums when they are missing, checks them, and gives them up. Thread-safe.

    Args:
        generations: makes them, and gives them up.
        check: compares them with an actual count.
    """

    def __init__(self, generations: ActivityGenerations, check: ActivityCheck) -> None:
        self._generations = generations
        self._check = check
        self._is_wanted = False
        self._is_active = False
        self._made = threading.Event()
        self._thread = BackgroundThread(
            "adding up activities", self.run_round, expected=(StoreError,), retry_after=_INTERVAL
        )

    def make(self, within: float) -> None:
        """Have the sums made, and wait for them.

        Args:
            within: seconds to wait at most.
        """
        self._made.clear()
        self._is_wanted = True
        self._thread.start()
        self._thread.wake()
        self._made.wait(within)

    def look_after(self) -> None:
        """Start to look after the sums, unless that was done; called with each question."""
        if not self._is_active:
            self._is_active = True
            self._thread.start()
            self._thread.wake()

    def resume(self) -> None:
        """Look after the sums if there are some. Called at the start of the process.

        Raises:
            StoreError: MongoDB failed.
        """
        if not self._generations.give_up():
            self.look_after()

    def stop(self) -> None:
        """Ask the thread to end after its present round."""
        self._thread.stop()

    def run_round(self) -> float | None:
        """Do what is due, and return the seconds until the next round; None to wait for the next question."""
        if self._is_wanted:
            self._is_wanted = False
            try:
                if not self._generations.make():
                    self._is_wanted = True
                    return _WAITING
            finally:
                if not self._is_wanted:
                    self._made.set()
            self._is_active = True
        elif self._generations.give_up():
            self._is_active = False
            return None
        return _CHECKING if self._check.run_round() else _INTERVAL
