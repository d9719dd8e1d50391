"""Single flight across processes for many things at once; see :mod:`dealcache.reader.shared_flight` for one.

Of what a batch wants, it loads together what no other process is at, and tells the others so meanwhile. For the rest it
waits afterwards, so that processes which each load what the other one wants never wait for each other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol

from dealcache.deadline import Deadline
from dealcache.hubspot import HubSpotError, retell, tell
from dealcache.reader.flight import FlightTimeoutError
from dealcache.reader.heartbeat import LEASE, Heartbeat
from dealcache.reader.shared_flight import FIRST_PAUSE, LONGEST_PAUSE
from dealcache.repositories import LoadEnd, LoadLease, LoadLeaseRepository, LoadResult, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

#: Seconds that are left to another process to acquire the leases of a batch, once it has the first of them.
_GIVE_WAY = 0.05


class Ended(NamedTuple):
    """How others are to be told that the load of one thing ended."""

    end: LoadEnd
    failure: HubSpotError | None = None


class Batch(Protocol):
    """What is to be fetched, and takes what comes of it. Things are named as among all processes."""

    def look(self, keys: Collection[str]) -> set[str]:
        """Take from MongoDB what is there by now; which things are."""

    def load(self, keys: Collection[str], deadline: Deadline) -> Mapping[str, Ended]:
        """Fetch things from HubSpot, put them into MongoDB and take them, by the deadline; how each load ended."""

    def unknown(self, key: str) -> None:
        """Take it that another process has found that HubSpot has no such thing."""

    def failed(self, key: str, failure: Exception) -> None:
        """Take it that another process's load has failed, or took too long."""


class SharedBatch:
    """Fetches batches, each thing in one process at a time.

    Args:
        leases: where leases stand.
        heartbeat: keeps those that this process holds.
        owner: names this process, for people.
        on_wait: called each time that this process begins to wait for other ones' loads, for metrics.
        sleep: waits for some seconds, before it looks at others' leases again.
        give_way: waits for some seconds, for others to acquire leases.
    """

    def __init__(
        self,
        leases: LoadLeaseRepository,
        heartbeat: Heartbeat,
        owner: str,
        on_wait: Callable[[], None] = lambda: None,
        sleep: Callable[[float], object] = time.sleep,
        give_way: Callable[[float], object] = time.sleep,
    ) -> None:
        self._leases = leases
        self._heartbeat = heartbeat
        self._owner = owner
        self._on_wait = on_wait
        self._sleep = sleep
        self._give_way = give_way

    def run(self, batch: Batch, wanted: Mapping[str, int], generation: int, deadline: Deadline) -> None:
        """Fetch everything, or wait for the processes that are fetching it.

        Args:
            batch: takes what comes of it.
            wanted: what is to be fetched, each with the generation of the last invalidation that concerns it: who began
                to fetch it before that one is not waited for.
            generation: of the last invalidation that is known here.
            deadline: until when; loading and waiting together.
        """
        while wanted:
            leases = self._acquire(wanted, generation, deadline)
            mine = {key: lease for key, lease in leases.items() if lease.mine}
            if unclear := [key for key in wanted if key not in leases]:  # MongoDB cannot tell
                batch.load(unclear, deadline)
            if mine:
                self._lead(batch, mine, deadline)
            theirs = {key: lease for key, lease in leases.items() if not lease.mine}
            wanted = {key: wanted[key] for key in self._share(batch, theirs, deadline)}

    def _acquire(self, wanted: Mapping[str, int], generation: int, deadline: Deadline) -> Mapping[str, LoadLease]:
        """The leases as they stand now, ours if they were free; without those of which MongoDB cannot tell.

        One is acquired before the others. When several processes come for the same things at the same moment one of
        them gets it, and these leave it the time to get the rest: with a part each they would make more calls.
        """
        first = min(wanted)
        rest = {key: since for key, since in wanted.items() if key != first}
        leases: dict[str, LoadLease] = {}
        try:
            lease = self._leases.acquire(first, self._owner, LEASE, generation=generation, since=wanted[first])
            leases[first] = lease
            if rest and not lease.mine:
                self._give_way(min(_GIVE_WAY, deadline.remaining()))
            if rest:
                leases |= self._leases.acquire_many(rest, self._owner, LEASE, generation=generation)
        except StoreUnavailable as failure:
            log.debug("%d deals are loaded without asking others: %s", len(wanted) - len(leases), failure)
        except StoreError as error:
            log.warning("%d deals are loaded for this process alone: %s", len(wanted) - len(leases), error)
        return leases

    def _lead(self, batch: Batch, mine: Mapping[str, LoadLease], deadline: Deadline) -> None:
        ends = dict.fromkeys(mine, Ended(LoadEnd.ABANDONED))
        try:
            with self._heartbeat.keeping(*mine.values()):
                # The holders before may have ended between our look into MongoDB and our taking the leases.
                there = batch.look(mine)
                ends |= dict.fromkeys(there, Ended(LoadEnd.LOADED))
                if rest := [key for key in mine if key not in there]:
                    ends |= batch.load(rest, deadline)
        finally:
            self._release(mine, ends)

    def _release(self, mine: Mapping[str, LoadLease], ends: Mapping[str, Ended]) -> None:
        told = [
            LoadResult(lease, ends[key].end, tell(failure) if (failure := ends[key].failure) else None)
            for key, lease in mine.items()
        ]
        try:
            self._leases.release_many(told)
        except StoreError as error:
            log.warning("%d leases have to run out by themselves: %s", len(told), error)

    def _share(self, batch: Batch, theirs: Mapping[str, LoadLease], deadline: Deadline) -> list[str]:
        """Wait for what other processes load, and take it; returns what has to be tried again."""
        ended = self._ends_of(theirs, deadline) if theirs else {}
        loaded = [key for key, lease in ended.items() if lease is not None and lease.end is LoadEnd.LOADED]
        there = batch.look(loaded) if loaded else set()
        of_no_use = [key for key in loaded if key not in there]
        for key, lease in ended.items():
            match lease:
                case LoadLease(end=LoadEnd.UNKNOWN):
                    batch.unknown(key)
                case LoadLease(end=LoadEnd.FAILED):
                    failure = None if lease.failure is None else retell(lease.failure)
                    if failure is None:
                        of_no_use.append(key)
                    else:
                        batch.failed(key, failure)
        for key in theirs.keys() - ended.keys():
            batch.failed(key, FlightTimeoutError("another process has not ended its load in time"))
        if of_no_use:
            batch.load(of_no_use, deadline)  # to wait for others again would bring no more
        return [key for key, lease in ended.items() if lease is None]

    def _ends_of(self, theirs: Mapping[str, LoadLease], deadline: Deadline) -> dict[str, LoadLease | None]:
        """Wait for others' leases to end; None for those that did without telling how, or when MongoDB cannot tell.

        Those that have not ended when the time is over are left out.
        """
        self._on_wait()
        waiting, ended, pause = dict(theirs), dict[str, LoadLease | None](), FIRST_PAUSE
        while waiting and not deadline.expired():
            self._sleep(min(pause, deadline.remaining()))
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                seen = self._leases.look_many(waiting)
            except StoreError:
                return ended | dict.fromkeys(waiting)
            for key, lease in list(waiting.items()):
                now = seen.get(key)
                if now is None or now.nonce != lease.nonce or now.end is LoadEnd.ABANDONED:
                    ended[key] = None
                elif now.end is not None:
                    ended[key] = now
                elif not now.held:
                    log.warning("%s gave no more sign of life while it loaded %s", lease.owner, key)
                    ended[key] = None
                if key in ended:
                    del waiting[key]
        return ended
