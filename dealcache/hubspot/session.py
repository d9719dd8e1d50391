"""Calls to HubSpot as the rest of the package makes them: within the limits, repeated where it helps, observed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from dealcache.clock import RemoteClock
from dealcache.hubspot.answers import Answer, interpret
from dealcache.hubspot.daily_calls import DailyCalls
from dealcache.hubspot.errors import HubSpotError, NotFound, RateLimited, Rejected, TimedOut
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import RateLimits, adopt_app_limit
from dealcache.hubspot.retry import Asked, with_retries
from dealcache.hubspot.transport import Request, Transport
from dealcache.model.deadline import Deadline

#: The longest pause after a refusal, in seconds: then one call checks whether HubSpot serves us again, even if it asked
#: for hours. Limits are raised and accounts moved sooner than announced.
LONGEST_PAUSE = 60.0

#: Seconds to wait for the first byte of an answer. No user waits for that of a sync, and HubSpot's gateway gives up by
#: itself after 100 s.
_ANSWER_SECONDS = {Priority.INTERACTIVE: 10.0, Priority.SHARED: 15.0, Priority.REREAD: 15.0, Priority.SYNC: 110.0}


class Observer(Protocol):
    """Receives what happens, for metrics; called from many threads, and must not raise."""

    def call_finished(self, endpoint: str, outcome: str, seconds: float) -> None:
        """One try is over; ``outcome`` is the HTTP status, or the name of the error if no answer came."""

    def retried(self, endpoint: str, reason: str) -> None:
        """Another try follows; ``reason`` is an HTTP status or the name of an error."""

    def calls_left(self, bucket: str, left: int) -> None:
        """``bucket`` allows this many more calls to start at once after this one."""


class NullObserver:
    """Observes nothing."""

    def call_finished(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Do nothing."""

    def retried(self, endpoint: str, reason: str) -> None:
        """Do nothing."""

    def calls_left(self, bucket: str, left: int) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Health:
    """The last call's outcome: ``at`` on the session's clock, ``failure`` the error, None when HubSpot served us."""

    at: float
    failure: HubSpotError | None


class HubSpotSession:
    """Makes calls to HubSpot; shared by all threads.

    Args:
        base_url: scheme and host of HubSpot.
        token: the access token; it appears in no message, log line or repr.
        pool_size: connections kept open: as many as threads call at the same time.
        rate_limits: the limits to keep.
        observer: receives what happens.
        daily: records what answers say about the day's calls.
        clock: the monotonic clock, in seconds.
        sleep: waits between two tries, in seconds.
        chance: random numbers from 0 to 1, for the jitter.
        hubspot_clock: synchronized by the dates of HubSpot's answers.
        waited: called, from many threads, with the seconds that each try waited for its limit until it could start.

    Attributes:
        health: the outcome of the last call, None before the first; see :meth:`probe` to make one.

    Raises:
        ValueError: the token is not a valid one.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        pool_size: int,
        rate_limits: RateLimits,
        observer: Observer | None = None,
        daily: DailyCalls | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        hubspot_clock: RemoteClock | None = None,
        waited: Callable[[float], None] | None = None,
    ) -> None:
        self._transport = Transport(base_url, token, pool_size)
        self._rate_limits = rate_limits
        self._observer: Observer = observer or NullObserver()
        self._daily = daily or DailyCalls()
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self.health: Health | None = None
        self._hubspot_clock = hubspot_clock or RemoteClock()
        self._waited = waited

    def __repr__(self) -> str:
        return f"HubSpotSession({self._transport!r})"

    def call(
        self,
        request: Request,
        bucket: Bucket,
        deadline: Deadline,
        asked: Asked,
        check: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> dict[str, Any]:
        """Make one call, with retries where they may help, and return the JSON object of HubSpot's answer.

        Args:
            request: what to ask for.
            bucket: the limit that the call counts towards. Each try takes one slot of it.
            deadline: nothing lasts longer, retries and waits for the limit included.
            asked: its place in the queue, and how often it is tried.
            check: raises a HubSpotError for an answer that is not whole, which is then a failed try like any other.

        Raises:
            HubSpotError: of the last try.
        """
        limiter = self._rate_limits[bucket]

        def attempt() -> dict[str, Any]:
            _check_time(deadline, request.endpoint)
            asked_at = self._clock()
            with limiter.acquire(deadline, asked.priority):
                if self._waited is not None:
                    self._waited(self._clock() - asked_at)
                # A sync may have been cancelled while it waited, and HubSpot also counts calls that are no longer
                # needed.
                _check_time(deadline, request.endpoint)
                answer = self._exchange(request, deadline, _ANSWER_SECONDS[asked.priority])
            parsed = self._judged(answer, request.endpoint, bucket)
            if check is not None:
                check(parsed)
            return parsed

        def on_retry(failure: HubSpotError) -> None:
            self._observer.retried(request.endpoint, _status_or_name(failure))

        return with_retries(attempt, deadline, asked, on_retry, self._sleep, self._chance)

    def probe(self, path: str, deadline: Deadline) -> dict[str, Any]:
        """Ask for the account's details, which any token may read, to see whether HubSpot answers and knows us.

        Raises:
            HubSpotError: it does not.
        """
        request = Request("account_details", "GET", path)
        return self.call(request, Bucket.APP, deadline, Asked(Priority.SHARED))

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def _exchange(self, request: Request, deadline: Deadline, answer_seconds: float) -> Answer:
        started = self._clock()
        sent = self._hubspot_clock.timer()
        outcome = "Error"
        try:
            answer = self._transport.exchange(request, deadline, answer_seconds)
            outcome = str(answer.status)
            self._set_clock(answer.headers.get("date", ""), sent)
        except HubSpotError as failure:
            outcome = _status_or_name(failure)
            self.health = Health(self._clock(), failure)
            raise
        finally:
            self._observer.call_finished(request.endpoint, outcome, self._clock() - started)
        return answer

    def _set_clock(self, date: str, sent: float) -> None:
        try:
            at = parsedate_to_datetime(date)
        except ValueError:
            return  # as good as none, or none
        # RFC 9110, 5.6.7: in GMT, in whole seconds.
        self._hubspot_clock.synchronize(at.replace(tzinfo=UTC).timestamp(), sent, precision=1.0)

    def _judged(self, answer: Answer, endpoint: str, bucket: Bucket) -> dict[str, Any]:
        if bucket is Bucket.APP:
            # Other calls have limits of their own, which this header must not be mistaken for.
            self._adopt_limit(answer.headers)
        self._daily.note(answer.headers)
        try:
            parsed = interpret(answer, endpoint, bucket)
        except HubSpotError as failure:
            if isinstance(failure, RateLimited):
                self._rate_limits[bucket].pause(min(failure.retry_after, LONGEST_PAUSE))
                if failure.daily:
                    self._daily.note_used_up()
            # A missing record or a wrong request is no sign of ill health: HubSpot serves us.
            well = isinstance(failure, (NotFound, Rejected))
            self.health = Health(self._clock(), None if well else failure)
            raise
        finally:
            self._observer.calls_left(bucket.value, self._rate_limits[bucket].left())
        self.health = Health(self._clock(), None)
        self._daily.note_served()
        return parsed

    def _adopt_limit(self, headers: Mapping[str, str]) -> None:
        limit = headers.get("x-hubspot-ratelimit-max", "")
        if limit.isascii() and limit.isdigit() and len(limit) < 7:
            adopt_app_limit(self._rate_limits, int(limit))


def _check_time(deadline: Deadline, endpoint: str) -> None:
    if deadline.expired():
        raise TimedOut("the deadline passed before the call", endpoint=endpoint)


def _status_or_name(failure: HubSpotError) -> str:
    return type(failure).__name__ if failure.status is None else str(failure.status)
