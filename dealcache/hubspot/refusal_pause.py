"""Keeps an optional part of the reads back for a while after HubSpot has refused it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dealcache.hubspot.errors import Forbidden, HubSpotError

log = logging.getLogger(__name__)

#: Seconds until a call that HubSpot refused for lack of a right is tried again.
PAUSE_SECONDS = 900.0


class RefusalPause:
    """The pause of one part. Thread-safe.

    Args:
        what: names the part in the log.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")

    def is_over(self) -> bool:
        """Return True if the calls may be made."""
        return self._clock() >= self._until

    def note(self, failure: HubSpotError) -> None:
        """Begin a pause if ``failure`` means that the token lacks a right; logged once for each pause."""
        if not isinstance(failure, Forbidden):
            return
        with self._lock:
            begins = self.is_over()
            self._until = self._clock() + PAUSE_SECONDS
        if begins:
            scopes = f", which needs {' or '.join(failure.scopes)}" if failure.scopes else ""
            log.warning("HubSpot refuses %s%s; tried again in %d minutes", self._what, scopes, PAUSE_SECONDS // 60)
