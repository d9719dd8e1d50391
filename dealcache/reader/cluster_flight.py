"""Cluster-wide single flight: of all workers of all hosts that want the same deal, one fetches it.

``SingleFlight`` lets one thread of a process go; here that thread finds out whether another process is at it already.
The process that gets the lease loads, puts what it loaded into MongoDB, and tells how it ended. The others wait for
that and look into MongoDB, or share the failure: as within a process, a failing origin must not be asked once per
waiter. Nor is a failure remembered: it counts only for the threads that waited for that very flight.

A request first loads what no other process is at, and tells the others so meanwhile. For the rest it waits afterwards,
so that processes which each load what the other one wants never wait for each other.

Leases spare calls; nothing depends on them. Without MongoDB every process loads for itself. When a holder dies, its
lease runs out and one of the waiters goes on; when it was only slow, two have loaded, and the newer value stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from dealcache.hubspot import HubSpotError
from dealcache.hubspot.error_codec import decode_error, encode_error
from dealcache.model.deadline import Deadline
from dealcache.reader.lease_renewer import LEASE, LeaseRenewer
from dealcache.reader.load_request import LoadRequest
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.repositories import LoadEnd, LoadLease, LoadLeaseRepository, LoadResult, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

#: Seconds between two looks at a load that is waited for: first the one, then longer and longer up to the other.
FIRST_PAUSE, LONGEST_PAUSE = 0.025, 0.1

#: Seconds that are left to another process to acquire the leases of a batch, once it has the first of them.
_GIVE_WAY = 0.05


class ClusterFlight:
    """Runs load requests, each deal in one process at a time. Thread-safe.

    Args:
        leases: where leases stand.
        renewer: keeps those that this process holds.
        owner: names this process, for people.
        on_wait: called each time that this process begins to wait for other ones' loads, for metrics.
        sleep: waits for some seconds, before it looks at others' leases again.
        give_way: waits for some seconds, for others to acquire leases.
    """

    def __init__(
        self,
        leases: LoadLeaseRepository,
        renewer: LeaseRenewer,
        owner: str,
        on_wait: Callable[[], None] = lambda: None,
        sleep: Callable[[float], object] = time.sleep,
        give_way: Callable[[float], object] = time.sleep,
    ) -> None:
        self._leases = leases
        self._lease_renewer = renewer
        self._owner = owner
        self._on_wait = on_wait
        self._sleep = sleep
        self._give_way = give_way

    def run(self, request: LoadRequest, deadline: Deadline) -> None:
        """Fetch everything, or wait for the processes that are fetching it.

        Args:
            request: takes what comes of it.
            deadline: until when; loading and waiting together.
        """
        wanted = request.wanted()
        while wanted:
            leases = self._acquire(request, wanted, deadline)
            if unclear := [name for name in wanted if name not in leases]:  # MongoDB cannot tell
                request.load(unclear, deadline)
            if mine := {name: lease for name, lease in leases.items() if lease.mine}:
                self._lead(request, mine, deadline)
            if theirs := {name: lease for name, lease in leases.items() if not lease.mine}:
                again = self._share(request, theirs, deadline)
                wanted = {name: wanted[name] for name in again}
            else:
                return

    def run_unless_held(self, request: LoadRequest, deadline: Deadline) -> bool:
        """Fetch everything unless another process is at it, or was a moment ago; return True if it was fetched here.

        Without MongoDB nothing is fetched.
        """
        leases = self._acquire(request, request.wanted(), deadline)
        mine = {name: lease for name, lease in leases.items() if lease.mine}
        if mine:
            self._lead(request, mine, deadline)
        return bool(mine)

    def _acquire(self, request: LoadRequest, wanted: Mapping[str, int], deadline: Deadline) -> dict[str, LoadLease]:
        """Return the leases as they stand now, ours if they were free; without those of which MongoDB cannot tell.

        One is acquired before the others. When several processes come for the same deals at the same moment one of
        them gets it, and these leave it the time to get the rest: with a part each they would make more calls.
        """
        first = min(wanted)
        rest = {name: since for name, since in wanted.items() if name != first}
        acquire = partial(
            self._leases.acquire,
            owner=self._owner,
            term=LEASE,
            generation=request.generation,
            pause=request.pause,
            pause_after=request.pause_after,
        )
        leases: dict[str, LoadLease] = {}
        try:
            leases |= acquire({first: wanted[first]})
            if rest:
                if not leases[first].mine:
                    self._give_way(min(_GIVE_WAY, deadline.remaining()))
                leases |= acquire(rest)
        except StoreUnavailable as failure:  # the read path has met that before, and shows it
            log.debug("%d deals are loaded without asking others: %s", len(wanted) - len(leases), failure)
        except StoreError as error:
            log.warning("%d deals are loaded for this process alone: %s", len(wanted) - len(leases), error)
        return leases

    def _lead(self, request: LoadRequest, mine: Mapping[str, LoadLease], deadline: Deadline) -> None:
        ends: dict[str, LoadEnd | HubSpotError] = dict.fromkeys(mine, LoadEnd.ABANDONED)
        try:
            with self._lease_renewer.keeping(*mine.values()):
                # The holders before may have ended between our look into MongoDB and our taking the leases.
                there = request.look(mine) if request.look_first else set()
                ends |= dict.fromkeys(there, LoadEnd.LOADED)
                if rest := [name for name in mine if name not in there]:
                    ends |= request.load(rest, deadline)
        finally:
            self._release([_result(lease, ends[name]) for name, lease in mine.items()])

    def _release(self, results: list[LoadResult]) -> None:
        try:
            self._leases.release(results)
        except StoreError as error:
            log.warning("%d leases have to run out by themselves: %s", len(results), error)

    def _share(self, request: LoadRequest, theirs: Mapping[str, LoadLease], deadline: Deadline) -> list[str]:
        """Take what other processes load, or have loaded a moment ago; returns what has to be tried again."""
        recent = {name: lease for name, lease in theirs.items() if request.pause and not lease.held}
        held = {name: lease for name, lease in theirs.items() if name not in recent}
        ended = self._await_ends(held, deadline) if held else {}
        loaded = [name for name, lease in ended.items() if lease is not None and lease.end is LoadEnd.LOADED]
        there = request.look(loaded) if loaded else set()
        of_no_use = [name for name in loaded if name not in there]
        for name, lease in (ended | recent).items():
            match lease:
                case LoadLease(end=LoadEnd.UNKNOWN):
                    request.unknown(name)
                case LoadLease(end=LoadEnd.LOADED) if name in recent:
                    request.recently(name)
                case LoadLease(end=LoadEnd.FAILED):
                    failure = None if lease.failure is None else decode_error(lease.failure)
                    if failure is None:
                        of_no_use.append(name)
                    else:
                        request.failed(name, failure)
        for name in held.keys() - ended.keys():
            request.failed(name, FlightTimeoutError("another process has not ended its load in time"))
        if of_no_use:
            request.load(of_no_use, deadline)  # to wait for others again would bring no more
        return [name for name, lease in ended.items() if lease is None]

    def _await_ends(self, held: Mapping[str, LoadLease], deadline: Deadline) -> dict[str, LoadLease | None]:
        """Wait for others' leases to end; None for those that did without telling how, or when MongoDB cannot tell.

        Those that have not ended when the time is over are left out.
        """
        self._on_wait()
        waiting, ended, pause = dict(held), dict[str, LoadLease | None](), FIRST_PAUSE
        while waiting and not deadline.expired():
            self._sleep(min(pause, deadline.remaining()))
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                seen = self._leases.look(waiting)
            except StoreError:
                return ended | dict.fromkeys(waiting)
            for name, lease in list(waiting.items()):
                now = seen.get(name)
                if now is None or now.nonce != lease.nonce or now.end is LoadEnd.ABANDONED:
                    ended[name] = None
                elif now.end is not None:
                    ended[name] = now
                elif not now.held:
                    log.warning("%s did not renew its lease while it loaded %s", lease.owner, name)
                    ended[name] = None
                if name in ended:
                    del waiting[name]
        return ended

    def note_loaded(self, name: str) -> None:
        """Note that what ``name`` stands for was just loaded under another name."""
        try:
            self._leases.note_loaded(name, self._owner)
        except StoreError as error:
            log.warning("%s may be fetched again too soon: %s", name, error)


def _result(lease: LoadLease, end: LoadEnd | HubSpotError) -> LoadResult:
    if isinstance(end, HubSpotError):
        return LoadResult(lease, LoadEnd.FAILED, encode_error(end))
    return LoadResult(lease, end)
