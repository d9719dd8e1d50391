"""Talks with the Lua script that counts one bucket in Redis: what it is told and asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypedDict

import orjson
from redis.commands.core import Script

from dealcache.hubspot.pacing import READERS_STAY, SHARE_FOR_READERS, SHARE_IN_QUIET, UNPACED_SHARE
from dealcache.redis_connection import PAUSE_SECONDS, RedisConnection

#: After so many seconds a call whose worker has not told its end is taken for answered: the worker has died. No call
#: reaches HubSpot later than that; see CONNECT_SECONDS and READ_SECONDS in transport.py.
LEASE_SECONDS = 30.0

#: For how many seconds a waiting caller counts after it has asked; while it lives it asks again before.
_PATIENCE_SECONDS = 1.5

#: Of a call under way nobody knows when it will be answered; where it must be guessed, within so many seconds.
ANSWERED_WITHIN_SECONDS = 1.0

#: How long Redis keeps what nobody asks for, in seconds: long, so that a Redis that must make room takes others first.
_KEPT_SECONDS = 86_400

_MICRO = 1_000_000

_TEXT = resources.files("dealcache.hubspot").joinpath("budget.lua").read_text("utf-8")


class Ask(TypedDict):
    """The question whether a call may start."""

    id: str
    priority: int
    #: How many callers of the same worker go first.
    ahead: int
    #: Whether it starts if it may; else this is only a question.
    start: bool


class Message(TypedDict, total=False):
    """What a worker tells and asks; everything may be left out. Times are whole microseconds: see :func:`micro`."""

    #: Calls that have been answered, each with the time since.
    answered: Sequence[tuple[str, int]]
    #: Calls that are under way, each with the time since it started.
    under_way: Sequence[tuple[str, int]]
    #: Nothing may start for so long.
    pause: int
    #: The limit as HubSpot has just stated it.
    new_limit: int
    #: Redis had not answered this worker, so there may be others that have counted by themselves.
    rejoins: bool
    #: Whether to tell when slots free.
    outlook: bool
    ask: Ask


@dataclass(frozen=True, slots=True)
class Answer:
    """What the script answers. Times are in seconds.

    Attributes:
        epoch: changes when Redis has lost what it knew; then it lets nobody start who does not know the new one.
        granted: whether the caller has started.
        wait: how long it must wait at least before asking is worth it.
        used: how many slots are occupied.
        limit: how many there are.
        paused: how long nothing may start.
        uncertain: for how long there may be calls that Redis does not know of.
        outlook: when slots free, as it came; see :meth:`frees_in`.
    """

    epoch: int
    granted: bool
    wait: float
    used: int
    limit: int
    paused: float
    uncertain: float
    outlook: bytes

    @property
    def left(self) -> int:
        """How many calls may start now."""
        return 0 if self.paused > 0.0 else max(0, self.limit - self.used)

    def frees_in(self) -> list[float]:
        """In how many seconds each of the occupied slots frees, in ascending order; empty unless it was asked for."""
        return [int(milliseconds) / 1000 for milliseconds in self.outlook.split()]


def micro(seconds: float) -> int:
    """Seconds in whole microseconds."""
    return round(seconds * _MICRO)


class BudgetScript:
    """The script with the keys of one bucket.

    Args:
        connection: the way to Redis.
        name: the bucket.
        period: its period in seconds, a safety margin included.
        now: the time, in seconds; Redis' own when None, so that the clocks of the hosts do not matter.
    """

    def __init__(
        self, connection: RedisConnection, name: str, period: float, now: Callable[[], float] | None = None
    ) -> None:
        self._connection = connection
        self._keys = [connection.key("budget", name, part) for part in ("calls", "state", "readers", "shared")]
        self._now = now
        self._script: Script | None = None
        self._rules = {
            "period": micro(period),
            "lease": micro(LEASE_SECONDS),
            "under_way": micro(period + ANSWERED_WITHIN_SECONDS),
            "patience": micro(_PATIENCE_SECONDS),
            # Until all who counted by themselves have asked Redis again, and their calls before that count no more.
            "unsettled": micro(period + PAUSE_SECONDS + 1.0),
            "kept_ms": _KEPT_SECONDS * 1000,
            "readers_stay": READERS_STAY,
            "share_for_readers": SHARE_FOR_READERS,
            "share_in_quiet": SHARE_IN_QUIET,
            "unpaced_share": UNPACED_SHARE,
        }

    def run(self, message: Message, epoch: int | None, limit: int) -> Answer:
        """One round trip.

        Args:
            message: what there is to say.
            epoch: the last one known, None for a worker that knows of none.
            limit: the limit to begin with, if Redis knows none.

        Raises:
            RedisUnavailable: see :meth:`~dealcache.redis_connection.RedisConnection.operation`.
        """
        said: dict[str, Any] = {"rules": self._rules, "limit": limit, **message}
        if epoch is not None:
            said["epoch"] = epoch
        if self._now is not None:
            said["now"] = micro(self._now())
        with self._connection.operation() as client:
            if self._script is None:
                self._script = client.register_script(_TEXT)
            answer = self._script(keys=self._keys, args=[orjson.dumps(said)], client=client)
        return _answer(*answer)


def _answer(
    epoch: int, granted: int, wait: int, used: int, limit: int, paused: int, uncertain: int, outlook: bytes
) -> Answer:
    return Answer(epoch, granted == 1, wait / _MICRO, used, limit, paused / _MICRO, uncertain / _MICRO, outlook)
