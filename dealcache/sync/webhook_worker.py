"""Works off the webhook events that were stored, in a thread of this process, beside whatever job is running."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from dealcache.jobs import Progress
from dealcache.repositories import EventClaim, StoreError, WebhookEventRepository
from dealcache.sync.desk import Desk, utc_now
from dealcache.sync.hinted import HintedDeals
from dealcache.sync.ledger import Ledger
from dealcache.sync.setbacks import SETBACKS
from dealcache.sync.sink import ChangeSink
from dealcache.sync.stop import Reason, StoppedError, StopSign

log = logging.getLogger(__name__)

#: Seconds after the first event of a burst: HubSpot sends one for each property that was changed.
_GATHER_SECONDS = 0.3

#: Seconds between two looks for events that another process has taken in and not worked off.
_POLL_SECONDS = 5.0

#: Seconds to wait after a failure, doubled each time up to the longest.
_PAUSE_SECONDS, _LONGEST_PAUSE = 2.0, 60.0

#: Events that are looked at together, and for how long they are this process's.
_MOST_EVENTS = 1000
_LEASE = timedelta(seconds=120)

_STOP_SECONDS = 5.0


class WebhookWorker:
    """Takes stored events and re-reads what they hint at.

    Args:
        events: where they are stored.
        open_desk: gives the parts to work with.
        sink: is told which deals changed.
        owner: names this process.
        now: the wall clock, aware, in UTC.
        on_followed: is told how many events were worked off.
    """

    def __init__(
        self,
        events: WebhookEventRepository,
        open_desk: Callable[[Ledger, StopSign], AbstractContextManager[Desk]],
        sink: ChangeSink,
        owner: str,
        now: Callable[[], datetime] = utc_now,
        on_followed: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._events = events
        self._open_desk = open_desk
        self._sink = sink
        self._owner = owner
        self._now = now
        self._on_followed = on_followed
        self._wake = threading.Event()
        self._stop = StopSign()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread that does not keep the process alive. Called after the fork."""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; events at hand are given back."""
        self._stop.set(Reason.SHUTDOWN)
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def wake(self) -> None:
        """Look for events soon: some have just been stored."""
        self._wake.set()

    def _run(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._stop.is_set():
            woken = self._wake.wait(_POLL_SECONDS)
            self._wake.clear()
            try:
                if woken:
                    self._stop.wait(_GATHER_SECONDS)
                self.work_off()
                pause = _PAUSE_SECONDS
            except StoppedError:
                return
            except SETBACKS as failure:
                log.warning("webhook events wait for another try in %g s: %s", pause, failure)
                pause = self._wait(pause)
            except Exception:
                log.exception("working off webhook events failed")
                pause = self._wait(pause)

    def _wait(self, pause: float) -> float:
        """Wait after a failure, and say how long to wait after the next one."""
        self._wake.clear()
        self._wake.wait(0 if self._stop.is_set() else pause)
        return min(_LONGEST_PAUSE, pause * 2)

    def work_off(self) -> None:
        """Look at everything that the stored events hint at, until none is left.

        Raises:
            HubSpotError: HubSpot failed; StoreError: MongoDB did. The events stay.
            StoppedError: the process ends.
        """
        claim = self._claim()
        if not claim.hints:
            return
        with self._open_desk(Ledger(Progress(), self._sink.changed), self._stop) as desk:
            while claim.hints:
                keys = [hint.key for hint in claim.hints]
                if claim.abandoned:
                    self._sink.doubt()  # who had them before may have died between a write and telling of it
                try:
                    HintedDeals(desk).apply(claim.hints)
                    self._sink.settle()
                except BaseException as failure:
                    self._give_up(keys, failure)
                    raise
                self._events.done(keys, self._now())
                self._on_followed(len(keys))
                claim = self._claim()

    def _claim(self) -> EventClaim:
        return self._events.claim(self._owner, self._now(), _LEASE, _MOST_EVENTS)

    def _give_up(self, keys: list[str], failure: BaseException) -> None:
        if isinstance(failure, StoreError):
            self._sink.doubt()
        self._give_back(keys)

    def _give_back(self, keys: list[str]) -> None:
        try:
            self._events.give_back(keys, self._owner)
        except StoreError as error:
            log.warning("webhook events stay taken until their lease ends: %s", error)
