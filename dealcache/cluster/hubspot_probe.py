"""Knows whether HubSpot answers, from the calls that are made anyway or, without any, from probes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dealcache.background import BackgroundThread
from dealcache.cluster.reports import CallOutcome


class HubSpotProbe:
    """Probes HubSpot in a thread of its own, only on request.

    Args:
        last_outcome: returns whether HubSpot served the last call of this process, and how many seconds ago that was;
            None before any.
        answers: returns whether HubSpot answers, after a probe if necessary.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        last_outcome: Callable[[], tuple[bool, float] | None],
        answers: Callable[[], bool],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last_outcome = last_outcome
        self._answers = answers
        self._timer = timer
        self._is_wanted = False
        self._changed = threading.Condition()
        self._probed: tuple[bool, float] | None = None
        self._thread = BackgroundThread("HubSpot probe", self.probe)

    def start(self) -> None:
        """Begin. Called after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """End; a probe in progress ends by itself."""
        self._thread.stop(0.0)

    def wake(self) -> None:
        """Request a probe, without waiting for its answer."""
        self._is_wanted = True
        self._thread.wake()

    def last_outcome(self) -> CallOutcome | None:
        """Return the outcome of the last call or probe of this process; None before any."""
        known = [CallOutcome(*last)] if (last := self._last_outcome()) is not None else []
        if self._probed is not None:
            served, at = self._probed
            known.append(CallOutcome(served, self._timer() - at))
        return min(known, key=lambda one: one.age, default=None)

    def wait(self, most_age: float, within: float) -> None:
        """Wait, for ``within`` seconds at most, for a probe that ended no longer than ``most_age`` seconds ago."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._probed is not None and self._timer() - self._probed[1] <= most_age, within
            )

    def probe(self) -> None:
        """Probe HubSpot if that was requested."""
        if not self._is_wanted:
            return
        self._is_wanted = False
        served = self._answers()
        with self._changed:
            self._probed = served, self._timer()
            self._changed.notify_all()
