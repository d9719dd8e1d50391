"""HubSpot's request limits: three buckets and a daily allowance, with the headers and refusals of each.

Sources: HubSpot, usage guidelines 2026 (190 requests in 10 seconds per private app and 625,000 a day on the
Professional tier); CRM search guide (5 requests a second per account); associations guide (batch calls have a limit
of their own). Whether refused requests use up anything is not documented; here they do not.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dealcache.sandbox.simulator.errors import ApiError

Bucket = Literal["app", "search", "associations"]

# The daily allowance starts again at midnight in the account's time zone: US/Eastern, without summer time.
_ACCOUNT_OFFSET_SECONDS = -5 * 3600
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """The number of requests that each bucket lets through.

    ``daily_used`` calls of the day have been made before. ``retry_after`` adds a ``Retry-After`` header to refusals:
    HubSpot's documentation does not promise one, and the recorded answers had none.
    """

    ten_secondly: int = 190
    search_per_second: int = 5
    associations_ten_secondly: int = 150
    daily: int = 625_000
    daily_used: int = 0
    retry_after: bool = False


class RollingWindow:
    """Lets ``size`` requests through in any ``seconds`` in a row. Not safe for threads by itself."""

    def __init__(self, size: int, seconds: float) -> None:
        self.size = size
        self.seconds = seconds
        self._taken: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Uses up one place if there is one."""
        while self._taken and self._taken[0] <= now - self.seconds:
            self._taken.popleft()
        if len(self._taken) >= self.size:
            return False
        self._taken.append(now)
        return True

    @property
    def remaining(self) -> int:
        """Places left, as of the last :meth:`take`."""
        return self.size - len(self._taken)

    def wait(self, now: float) -> float:
        """Seconds until a place is free."""
        return max(0.0, self._taken[0] + self.seconds - now) if self.remaining <= 0 and self._taken else 0.0


class RateLimiter:
    """Counts the requests of one private app against its limits.

    Args:
        limits: the sizes of the buckets.
        clock: seconds since 1970.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[Bucket, RollingWindow] = {
            "app": RollingWindow(limits.ten_secondly, 10.0),
            "search": RollingWindow(limits.search_per_second, 1.0),
            "associations": RollingWindow(limits.associations_ten_secondly, 10.0),
        }
        self._day = _day_at(clock())
        self._used_today = limits.daily_used

    @property
    def used_today(self) -> int:
        """Requests let through since the last midnight of the account."""
        with self._lock:
            self._start_day(self._clock())
            return self._used_today

    def admit(self, bucket: Bucket) -> dict[str, str]:
        """Lets a request through.

        Returns:
            The limit headers of its answer.

        Raises:
            ApiError: 429, the bucket or the daily allowance is used up.
        """
        with self._lock:
            now = self._clock()
            self._start_day(now)
            if self._used_today >= self.limits.daily:
                raise self._refusal("daily", now)
            if not self._windows[bucket].take(now):
                raise self._refusal(bucket, now)
            self._used_today += 1
            return self._headers(bucket)

    def _start_day(self, now: float) -> None:
        day = _day_at(now)
        if day != self._day:
            self._day, self._used_today = day, 0

    def _headers(self, bucket: Bucket) -> dict[str, str]:
        """Only calls of the app bucket tell about the burst; the exempt ones tell about the day alone."""
        headers = {
            "X-HubSpot-RateLimit-Daily": str(self.limits.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self.limits.daily - self._used_today),
        }
        if bucket == "app":
            window = self._windows["app"]
            headers |= {
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(window.seconds * 1000)),
                "X-HubSpot-RateLimit-Max": str(window.size),
                "X-HubSpot-RateLimit-Remaining": str(window.remaining),
                # Deprecated and not enforced, but still sent.
                "X-HubSpot-RateLimit-Secondly": str(window.size // 10),
                "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, window.size // 10 - 1)),
            }
        return headers

    def _refusal(self, spent: Bucket | Literal["daily"], now: float) -> ApiError:
        if spent == "daily":
            wait = _DAY_SECONDS - (now + _ACCOUNT_OFFSET_SECONDS) % _DAY_SECONDS
            headers = self._headers("search")
        else:
            wait = self._windows[spent].wait(now)
            headers = self._headers(spent)
        if self.limits.retry_after:
            headers["Retry-After"] = str(math.ceil(wait))
        message, fields = _REFUSALS[spent]
        return ApiError(429, message, fields, headers)


def _day_at(now: float) -> int:
    """The number of the account's day."""
    return int((now + _ACCOUNT_OFFSET_SECONDS) // _DAY_SECONDS)


_TEN_SECONDLY = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}

_REFUSALS: dict[str, tuple[str, dict[str, str]]] = {
    "app": (
        "You have reached your ten_secondly_rolling limit.",
        {**_TEN_SECONDLY, "groupName": "publicapi:private-apps-api-calls-ten-secondly:6748263"},
    ),
    "associations": ("You have reached your ten_secondly_rolling limit.", _TEN_SECONDLY),
    # As recorded from the search API: neither a policy's name nor Retry-After.
    "search": ("You have reached your secondly limit.", {"category": "RATE_LIMITS"}),
    "daily": ("You have reached your daily limit.", {"errorType": "RATE_LIMIT", "policyName": "DAILY"}),
}
