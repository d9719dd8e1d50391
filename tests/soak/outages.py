"""When which part was disturbed, and what clients may have seen because of it. Pure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """The parts that can be disturbed, and how."""

    WORKER = "worker killed"
    WORKER_FROZEN = "worker frozen"
    INSTANCE = "instance restarted"
    MONGOD = "mongod killed"
    REDIS = "Redis killed"
    REDIS_FROZEN = "Redis frozen"
    HUBSPOT = "HubSpot failing"
    TYPE_REFUSED = "a type of activity refused"


#: A process that may have been in the middle of something was ended.
ENDED = frozenset({Part.WORKER, Part.INSTANCE, Part.MONGOD})
#: Redis did not answer.
REDIS_GONE = frozenset({Part.REDIS, Part.REDIS_FROZEN})

#: Seconds after which a MongoDB that is back must be of use again: pauses of clients, and loads that were under way.
MONGOD_SETTLES = 15.0
#: Seconds after which no call counts any more that a worker began while it kept to its share of HubSpot's limits.
LIMITS_SETTLE = 12.0
#: Seconds by which a client's view of a killed process may be off.
_BLUR = 0.3


@dataclass(slots=True)
class Outage:
    """One disturbance; ``target`` names the instance where that matters, ``ended`` is None as long as it lasts."""

    part: Part
    target: str
    began: float
    ended: float | None = None


class Outages:
    """Remembers all disturbances. Methods may be called from any thread.

    Args:
        clock: a monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all: list[Outage] = []

    def begin(self, part: Part, target: str = "") -> Outage:
        """Note that a part is about to be disturbed."""
        outage = Outage(part, target, self._clock())
        with self._lock:
            self._all.append(outage)
        return outage

    def end(self, outage: Outage) -> None:
        """Note that a part is as it was before."""
        with self._lock:
            outage.ended = self._clock()

    def all(self) -> list[Outage]:
        """All disturbances, in the order in which they began."""
        with self._lock:
            return list(self._all)

    def touched(
        self, parts: Collection[Part], since: float, until: float, *, target: str | None = None, settle: float = 0.0
    ) -> bool:
        """Return True if one of some parts was disturbed between two moments.

        Args:
            parts: which parts.
            since: the earlier moment.
            until: the later moment.
            target: only disturbances of this instance.
            settle: seconds for which a disturbance has after-effects.
        """
        with self._lock:
            return any(
                outage.part in parts
                and target in (None, outage.target)
                and outage.began <= until
                and (outage.ended is None or outage.ended + settle >= since)
                for outage in self._all
            )

    def excuse_failing_store(self, since: float, until: float) -> bool:
        """Return True if the contract provides for an answer 502, 503 or 504; without Redis nothing may fail."""
        return self.touched({Part.MONGOD}, since, until, settle=MONGOD_SETTLES)

    def excuse_used_up_share(self, since: float, until: float) -> bool:
        """Return True if HubSpot's limits were divided among the workers: a refresh takes most of a worker's part."""
        return self.touched(REDIS_GONE, since, until, settle=LIMITS_SETTLE)

    def excuse_failing_sync(self, since: float, until: float) -> bool:
        """Return True if a job may fail: MongoDB was down, HubSpot with it, or a type was refused."""
        return self.excuse_failing_store(since, until) or self.touched({Part.TYPE_REFUSED}, since, until)

    def excuse_lost_connection(self, instance: str, since: float, until: float) -> bool:
        """Return True if a connection to an instance may break before an answer has come."""
        return self.touched({Part.WORKER, Part.INSTANCE}, since - _BLUR, until + _BLUR, target=instance, settle=_BLUR)

    def excuse_refused_connection(self, instance: str, since: float, until: float) -> bool:
        """Return True if nobody may listen: an instance has one socket for all its workers."""
        return self.touched({Part.INSTANCE}, since - _BLUR, until + _BLUR, target=instance)
