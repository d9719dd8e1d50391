"""The calls left of HubSpot's daily limit, according to its answers.

The day's limit is shared with the account's other apps and ends at midnight in the account's time zone, which is not
known here. So nothing is counted here: the last answer's figure holds, and syncs that wait for the next day ask from
time to time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

#: Below this share of the day's calls scheduled syncs wait: the rest is for readers and for syncs on request.
RESERVED_SHARE = 0.02

#: Seconds after which HubSpot is asked again whether few calls are left: a new day may have begun.
ASK_AGAIN_SECONDS = 600.0

_LIMIT = "x-hubspot-ratelimit-daily"
_LEFT = "x-hubspot-ratelimit-daily-remaining"


class DailyCalls:
    """The state of the day's calls, one for all sessions of a process. Thread-safe.

    Attributes:
        left: calls left today, None while unknown.
        limit: calls of a whole day, None while unknown.
        scarce: True if so few are left that scheduled syncs must wait.

    Args:
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.left: int | None = None
        self.limit: int | None = None
        self.scarce = False
        self._known_at = float("-inf")

    @property
    def left_for_rereads(self) -> bool:
        """False if calls are scarce, or only the last third of the day's calls is left."""
        left, limit = self.left, self.limit
        return not self.scarce and (left is None or limit is None or 3 * left > limit)

    @property
    def is_old(self) -> bool:
        """True if the known state is so old that a new day may have begun."""
        return self.age() >= ASK_AGAIN_SECONDS

    def age(self) -> float:
        """Return how many seconds ago the state became known; infinite if it never did."""
        return self._clock() - self._known_at

    def postpone(self) -> None:
        """Treat the known state as current: HubSpot was asked and did not answer."""
        self._known_at = self._clock()

    def note(self, headers: Mapping[str, str]) -> None:
        """Adopt the values of an answer's headers, with names in lower case; impossible ones are ignored."""
        limit, left = _number(headers, _LIMIT), _number(headers, _LEFT)
        if limit is not None and left is not None and 0 < limit >= left:
            self._keep(left, limit)

    def note_used_up(self) -> None:
        """Note that HubSpot has refused a call because of the daily limit."""
        self._keep(0, self.limit)

    def note_served(self) -> None:
        """Note that HubSpot has served a call: without headers that say more, the day's calls are not used up."""
        if self.left == 0 and self.limit is None:
            self._keep(None, None)

    def _keep(self, left: int | None, limit: int | None) -> None:
        with self._lock:
            before = self.scarce
            self.left, self.limit, self._known_at = left, limit, self._clock()
            self.scarce = left is not None and left < RESERVED_SHARE * (limit or 1)
            changed = self.scarce != before
        if changed and before:
            log.info("HubSpot serves calls again: %s of the day's are left, automatic syncs continue", left)
        elif changed:
            log.warning(
                "HubSpot's calls of the day are nearly used up: %s of %s are left, so automatic syncs wait",
                left,
                limit or "an unknown number",
            )


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
