"""Processes stored webhook events in threads of this process, beside a running job."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from dealcache.background import BackgroundThread
from dealcache.model.jobs import CancelReason
from dealcache.sync.cancellation import StoppedError
from dealcache.sync.event_processor import WebhookEventProcessor
from dealcache.sync.retry_policy import EXPECTED_FAILURES

#: Seconds to wait after the first event of a burst: HubSpot sends one for each changed property.
_GATHER_SECONDS = 0.3

#: Seconds between two polls for events that another process has received and not processed, and for those whose pause
#: is over.
_POLL_SECONDS, _RETRY_POLL_SECONDS = 5.0, 2.0

#: Seconds to wait after an outage, doubled each time up to the longest.
_RETRY_SECONDS, _LONGEST_RETRY = 2.0, 60.0

_STOP_SECONDS = 5.0


class WebhookWorker:
    """Two threads: one processes new events; the other retries failed ones, which may take long and delays nothing.

    Args:
        processor: processes the events; its token is cancelled by :meth:`stop`.
        may_work: returns whether this process may claim events; others may.
    """

    def __init__(self, processor: WebhookEventProcessor, may_work: Callable[[], bool]) -> None:
        self.processor = processor
        self._may_work = may_work
        thread = partial(
            BackgroundThread, expected=EXPECTED_FAILURES, retry_after=_RETRY_SECONDS, longest_retry=_LONGEST_RETRY
        )
        self._new = thread("webhooks", self._process_new, _POLL_SECONDS)
        self._retries = thread("webhook retries", self._process_suspected, _RETRY_POLL_SECONDS)

    def start(self) -> None:
        """Start both threads. Called after the fork."""
        self._new.start(_POLL_SECONDS)
        self._retries.start(_RETRY_POLL_SECONDS)

    def stop(self) -> None:
        """End; claimed events are released."""
        self.processor.token.cancel(CancelReason.SHUTDOWN)
        for thread in (self._new, self._retries):
            thread.stop(_STOP_SECONDS)

    def wake(self) -> None:
        """Process events soon: some have just been stored."""
        self._new.wake()

    def _process_new(self) -> None:
        with suppress(StoppedError):
            self.processor.token.wait(_GATHER_SECONDS)
            self.processor.show_backlog()
            if self._may_work() and self.processor.process_new():
                self._retries.wake()
                self.processor.show_backlog()

    def _process_suspected(self) -> None:
        with suppress(StoppedError):
            if self._may_work():
                self.processor.process_suspected()
