"""Single flight across processes: of all workers of all hosts that want the same thing, one fetches it.

:class:`~dealcache.reader.flight.SingleFlight` lets one thread of a process go; here that thread finds out whether
another process is at it already. Who gets the lease loads, puts what it loaded into MongoDB, and tells how it ended.
The others wait for that and look into MongoDB, or share the failure: as within a process, a failing origin must not be
asked once per waiter. Nor is a failure remembered: it counts only for those who waited for that very flight.

Leases spare calls; nothing depends on them. Without MongoDB every process loads for itself. When a holder dies, its
lease runs out and one of the waiters goes on; when it was only slow, two have loaded, and the newer value stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from dealcache.deadline import Deadline
from dealcache.deals import DealKey, name_key
from dealcache.hubspot import HubSpotError, retell, tell
from dealcache.reader.flight import FlightTimeoutError
from dealcache.reader.heartbeat import LEASE, Heartbeat
from dealcache.repositories import LoadEnd, LoadLease, LoadLeaseRepository, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

V = TypeVar("V")

#: Seconds between two looks at a load that is waited for: first the one, then longer and longer up to the other.
FIRST_PAUSE, LONGEST_PAUSE = 0.025, 0.1


class Fetched(NamedTuple, Generic[V]):
    """What a load brought, and how others are to be told that it ended."""

    value: V
    end: LoadEnd


@dataclass(frozen=True, slots=True)
class Errand(Generic[V]):
    """What is to be fetched, and how.

    Args:
        key: names it among all processes.
        load: fetches it from HubSpot and puts it into MongoDB, by the deadline.
        look: finds what another process has put into MongoDB; None if it is not there, or nobody can tell.
        unknown: what is said when another process has found that HubSpot has no such thing.
        look_first: whether what is there when the load is about to begin is as good as what it would bring.
        pause: for how long after it was fetched it is not fetched again.
        lately: finds what was fetched within that time, as ``look`` does.
        generation: of the last invalidation that is known here.
        since: of the last one that concerns it: who began to fetch it before that one is not waited for.
    """

    key: str
    load: Callable[[Deadline], Fetched[V]]
    look: Callable[[], V | None]
    unknown: Callable[[], V]
    look_first: bool = True
    pause: timedelta = timedelta(0)
    lately: Callable[[], V | None] = lambda: None
    generation: int = 0
    since: int = 0


def lease_key(key: DealKey) -> str:
    """What the load of a deal is called among processes.

    Names that differ in case only are looked for by the same search, and then each in MongoDB.
    """
    return f"{key.by}:{name_key(key.value)}"


class SharedFlight:
    """Runs errands, each in one process at a time.

    Args:
        leases: where leases stand.
        heartbeat: keeps those that this process holds.
        owner: names this process, for people.
        on_wait: called each time that this process begins to wait for another one's load, for metrics.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        leases: LoadLeaseRepository,
        heartbeat: Heartbeat,
        owner: str,
        on_wait: Callable[[], None] = lambda: None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._leases = leases
        self._heartbeat = heartbeat
        self._owner = owner
        self._on_wait = on_wait
        self._sleep = sleep

    def run(self, errand: Errand[V], deadline: Deadline) -> V:
        """Fetch it, or wait for the process that is fetching it.

        Args:
            errand: what is wanted.
            deadline: until when; waiting and loading together.

        Raises:
            FlightTimeoutError: another process was at it for too long.
            HubSpotError: the load failed, here or in the process that was waited for.
            Exception: whatever else the errand's functions raised here.
        """
        while (lease := self._acquire(errand)) is not None:
            if lease.mine:
                return self._lead(errand, lease, deadline)
            ended, find = (self._end_of(lease, deadline), errand.look) if lease.held else (lease, errand.lately)
            if ended is None:
                continue
            value = _shared(ended, find, errand.unknown)
            if value is None:
                break  # to wait for others again would bring no more
            return value
        return errand.load(deadline).value

    def _acquire(self, errand: Errand[V]) -> LoadLease | None:
        """The lease as it stands now, ours if it was free; None when MongoDB cannot tell."""
        try:
            return self._leases.acquire(
                errand.key,
                self._owner,
                LEASE,
                generation=errand.generation,
                since=errand.since,
                pause=errand.pause,
            )
        except StoreUnavailable:
            return None  # the read path has met that before, and shows it
        except StoreError as error:
            log.warning("%s is loaded for this process alone: %s", errand.key, error)
            return None

    def _lead(self, errand: Errand[V], lease: LoadLease, deadline: Deadline) -> V:
        end, failure = LoadEnd.ABANDONED, None
        try:
            with self._heartbeat.keeping(lease):
                # The holder before may have ended between our look into MongoDB and our taking the lease.
                found = errand.look() if errand.look_first else None
                value, end = errand.load(deadline) if found is None else Fetched(found, LoadEnd.LOADED)
        except HubSpotError as error:
            end, failure = LoadEnd.FAILED, tell(error)
            raise
        finally:
            self._release(lease, end, failure)
        return value

    def _release(self, lease: LoadLease, end: LoadEnd, failure: dict[str, Any] | None) -> None:
        try:
            self._leases.release(lease, end, failure)
        except StoreError as error:
            log.warning("the lease of %s has to run out by itself: %s", lease.key, error)

    def _end_of(self, lease: LoadLease, deadline: Deadline) -> LoadLease | None:
        """Wait for somebody else's lease to end; None when it did without telling how, and when MongoDB cannot tell."""
        self._on_wait()
        pause = FIRST_PAUSE
        while not deadline.expired():
            self._sleep(min(pause, deadline.remaining()))
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                now = self._leases.look(lease.key)
            except StoreError:
                return None
            if now is None or now.nonce != lease.nonce or now.end is LoadEnd.ABANDONED:
                return None
            if now.end is not None:
                return now
            if not now.held:
                log.warning("%s gave no more sign of life while it loaded %s", lease.owner, lease.key)
                return None
        raise FlightTimeoutError("another process has not ended its load in time")

    def note_loaded(self, key: str) -> None:
        """Note that what another errand's ``key`` stands for was just brought too."""
        try:
            self._leases.note_loaded(key, self._owner)
        except StoreError as error:
            log.warning("%s may be fetched again too soon: %s", key, error)


def _shared(ended: LoadLease, find: Callable[[], V | None], unknown: Callable[[], V]) -> V | None:
    """What another process's load brought for us too; None when it brought nothing that is of use here."""
    match ended.end:
        case LoadEnd.LOADED:
            return find()
        case LoadEnd.UNKNOWN:
            return unknown()
        case LoadEnd.FAILED if ended.failure is not None and (failure := retell(ended.failure)):
            raise failure
        case _:
            return None
