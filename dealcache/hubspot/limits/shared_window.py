"""The sliding window of one bucket for all workers of all hosts, counted in Redis; each worker alone without Redis.

A Lua script decides there, on Redis' own clock, by the rules of ``sliding_window``. A call that may start at once costs
two round trips, one to start and one to finish; a waiting caller costs two a second. The slots of a worker that died
are freed after ``LEASE_SECONDS`` and a period.

While Redis does not answer, each worker keeps to its fair share of the limit, by its local usage: it always counts its
own calls. It has its part of the calls that the account had left at Redis' last answer in any case: otherwise a worker
that had used more than its share, while the others needed little, would refuse its readers for a period. Calls that end
meanwhile are reported to Redis when it answers again; calls that Redis lost are not. So for one period after Redis went
away, came back, or came back empty, the workers may together start more calls than HubSpot allows: HubSpot refuses
those, and a refusal pauses all workers.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from redis.commands.core import Script

from dealcache.hubspot.limits import sliding_window
from dealcache.hubspot.limits.buckets import LIMITS, Bucket
from dealcache.hubspot.limits.rate_limiter import RateLimiter, RateLimits
from dealcache.hubspot.limits.sliding_window import Caller, SlidingWindow
from dealcache.model.workers import RedisUnavailable
from dealcache.redis_connection import Namespace, RedisConnection

log = logging.getLogger(__name__)

#: Seconds after which a call counts as answered whose worker has not reported its end: the worker has died. No call
#: reaches HubSpot later than that; see CONNECT_SECONDS and SEND_SECONDS in call_timer.py.
LEASE_SECONDS = 30.0

#: Seconds for which a waiting caller counts after it has asked; a living one asks again sooner.
_PATIENCE_SECONDS = 1.5

#: Seconds for which Redis keeps an unused bucket: long, so that a Redis that must evict keys takes others first.
_KEPT_SECONDS = 86_400

#: Seconds for which the last answer is good enough to know how many calls are left.
_FRESH_SECONDS = 0.5

_MICRO = 1_000_000

_SCRIPT = resources.files("dealcache.hubspot.limits").joinpath("sliding_window.lua").read_text("utf-8")

#: The parts of a bucket, each under a key of its own.
_KEYS = ("calls", "state", "readers", "shared", "rereads")


class _Answer(NamedTuple):
    """The answer of the script; times in seconds."""

    granted: bool
    wait: float
    used: int
    limit: int
    paused: float


class SharedWindow:
    """One worker's view of the window that all share; the methods are those of ``SlidingWindow``.

    Args:
        connection: the way to Redis.
        name: the bucket.
        limit: calls per period, until Redis or HubSpot states another.
        period: seconds, a safety margin included.
        workers: how many workers share the limit, for the time without Redis.
        now: the time in seconds that Redis goes by; its own when None, so that the clocks of hosts do not matter.
    """

    def __init__(
        self,
        connection: RedisConnection,
        name: str,
        limit: int,
        period: float,
        workers: Callable[[], int],
        now: Callable[[], float] | None = None,
    ) -> None:
        self._connection = connection
        self._name = name
        self._now = now
        self._script: Script | None = None
        self._local = SlidingWindow(limit, period, workers)
        self._worker = uuid.uuid4().hex[:12]
        self._period = period
        #: Ended calls that Redis does not know to have ended, with the time of their end.
        self._untold: dict[str, float] = {}
        self._heard: _Answer | None = None
        self._heard_at = float("-inf")
        self._gone = False
        self._share_began_at = float("-inf")
        self._rules = {
            "period": _micro(period),
            "lease": _micro(LEASE_SECONDS),
            "patience": _micro(_PATIENCE_SECONDS),
            "kept_ms": _KEPT_SECONDS * 1000,
            "readers_stay": sliding_window.READERS_STAY,
            "sync_stays": sliding_window.SYNC_STAYS,
            "share_for_readers": sliding_window.SHARE_FOR_READERS,
            "share_beyond_rereads": sliding_window.SHARE_BEYOND_REREADS,
            "share_in_quiet": sliding_window.SHARE_IN_QUIET,
            "unpaced_share": sliding_window.UNPACED_SHARE,
            "least_for_readers": sliding_window.LEAST_FOR_READERS,
        }

    @property
    def account_limit(self) -> int:
        """Calls per period of the whole account, as last heard."""
        return self._local.account_limit

    def try_start(self, now: float, caller: Caller) -> float:
        """See ``SlidingWindow``."""
        answer = self._ask(now, caller, 0, start=True)
        if answer is None:
            # Redis may have let it start, and the answer was lost: its slot must be freed at once.
            self._untold[self._id_of(caller)] = now - self._period
            return self._local.try_start(now, caller)
        if answer.granted:
            self._local.start(now, caller)
            return 0.0
        return answer.wait

    def wait(self, now: float, caller: Caller, ahead: int = 0) -> float:
        """See ``SlidingWindow``."""
        answer = self._ask(now, caller, ahead, start=False)
        return self._local.wait(now, caller, ahead) if answer is None else answer.wait

    def finish(self, now: float, caller: Caller) -> None:
        """Note the end of a call, wherever it was started, and tell Redis now or as soon as it answers."""
        self._local.finish(now, caller)
        self._untold[self._id_of(caller)] = now
        self._tell(now)

    def pause(self, now: float, seconds: float) -> None:
        """Let no worker start anything for ``seconds``."""
        self._local.pause(now, seconds)
        self._tell(now)

    def set_limit(self, now: float, limit: int) -> None:
        """Change the limit for all workers; without a round trip if they already know it."""
        if limit != self._local.account_limit:
            self._local.set_limit(now, limit)
            self._tell(now, new_limit=limit)

    def left(self, now: float) -> int:
        """Return how many calls may start now, as of the last answer: it is read after each call."""
        if now - self._heard_at > _FRESH_SECONDS:
            self._tell(now)
        if self._gone or self._heard is None:
            return self._local.left(now)
        return 0 if self._heard.paused > 0.0 else max(0, self._heard.limit - self._heard.used)

    def _id_of(self, caller: Caller) -> str:
        return f"{self._worker}:{caller.number}"

    def _ask(self, now: float, caller: Caller, ahead: int, *, start: bool) -> _Answer | None:
        ask = {"id": self._id_of(caller), "priority": int(caller.priority), "ahead": ahead, "start": start}
        return self._tell(now, ask=ask)

    def _tell(self, now: float, **more: Any) -> _Answer | None:
        """Send Redis everything that it does not know yet, and ``more``; return its answer, or None without one."""
        message = {
            "rules": self._rules,
            "limit": self._local.account_limit,
            "answered": [(name, _micro(now - ended_at)) for name, ended_at in self._untold.items()],
            "pause": _micro(self._local.paused(now)),
            **more,
        }
        if self._now is not None:
            message["now"] = _micro(self._now())
        try:
            answer = self._run(message)
        except RedisUnavailable as error:
            self._lose(now, error)
            return None
        if self._gone:
            log.info("rate limit %s is shared with the other workers again", self._name)
        self._gone = False
        self._untold.clear()
        self._heard, self._heard_at = answer, now
        self._local.set_limit(now, answer.limit)
        return answer

    def _lose(self, now: float, reason: Exception) -> None:
        if not self._gone:
            log.warning("rate limit %s is not shared now, this worker keeps to its share: %s", self._name, reason)
            if self._heard is not None and now - self._share_began_at > self._period:
                self._local.make_room(now, self._heard.limit - self._heard.used)
                self._share_began_at = now
        self._gone = True
        kept_since = now - LEASE_SECONDS - self._period
        self._untold = {name: ended_at for name, ended_at in self._untold.items() if ended_at > kept_since}

    def _run(self, message: dict[str, Any]) -> _Answer:
        keys = [self._connection.key("budget", self._name, key) for key in _KEYS]
        with self._connection.operation() as client:
            if self._script is None:
                self._script = client.register_script(_SCRIPT)
            granted, wait, used, limit, paused = self._script(keys=keys, args=[orjson.dumps(message)], client=client)
        return _Answer(granted == 1, wait / _MICRO, used, limit, paused / _MICRO)


def _micro(seconds: float) -> int:
    return round(seconds * _MICRO)


def shared_rate_limits(
    connection: RedisConnection,
    workers: Callable[[], int],
    clock: Callable[[], float] = time.monotonic,
    condition: Callable[[], threading.Condition] = threading.Condition,
    now: Callable[[], float] | None = None,
    scopes: Mapping[Bucket, Namespace] = MappingProxyType({}),
) -> RateLimits:
    """Return the rate limits of all workers whose buckets have the same namespaces.

    Args:
        connection: the way to Redis; three threads use it at once, at most.
        workers: how many workers there are, for the time without Redis; asked often, so it must not take long.
        clock: the monotonic clock, in seconds.
        condition: see ``RateLimiter``.
        now: the time in seconds that Redis goes by; its own when None.
        scopes: the namespace of each bucket: HubSpot limits some by account and some by app. That of the connection
            for buckets that have none here.
    """

    def limiter(bucket: Bucket) -> RateLimiter:
        way = connection.within(scopes[bucket]) if bucket in scopes else connection
        return RateLimiter(SharedWindow(way, bucket, *LIMITS[bucket], workers, now), clock, condition)

    return {bucket: limiter(bucket) for bucket in Bucket}
