"""Cluster-wide single flight: of all workers of all hosts that want the same deal, one fetches it.

``SingleFlight`` admits one thread of a process; here that thread finds out whether another process is already loading
the deal. The process that acquires the lease loads the deal, stores it in MongoDB, and records the outcome. The others
wait for the outcome and read from MongoDB, or share the failure: as within a process, a failing origin must not be
asked once per waiter. A failure is not remembered: it counts only for the threads that waited for that very flight.

A request first loads the deals that no other process is loading, while its leases tell the others so. It waits for the
rest only afterwards, so that processes which each load what the other one wants never wait for each other.

Leases save calls; correctness does not depend on them. Without MongoDB every process loads for itself. When a holder
dies, its lease expires and one of the waiters takes over; if it was only slow, two processes have loaded the deal, and
the newer value stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from dealcache.hubspot.error_codec import decode_error, encode_error
from dealcache.hubspot.errors import HubSpotError
from dealcache.model.deadline import Deadline
from dealcache.reader.lease_renewer import LEASE, LeaseRenewer
from dealcache.reader.load_request import LoadRequest, RecentlyRefreshedError
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.repositories import LoadEnd, LoadLease, LoadLeaseRepository, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

#: Seconds between two polls for the end of another load: the first pause, and the longest of the growing ones.
FIRST_PAUSE, LONGEST_PAUSE = 0.025, 0.1

#: Seconds given to another process to acquire the other leases of a batch once it has the first.
_GIVE_WAY = 0.05


class ClusterFlight:
    """Runs load requests so that only one process loads a deal at a time. Thread-safe.

    Args:
        leases: the leases of all processes.
        renewer: renews those that this process holds.
        owner: the name of this process, for log messages.
        on_wait: called each time that this process begins to wait for loads of others, for metrics.
        sleep: waits for some seconds between two polls.
        give_way: waits for some seconds while another process acquires leases.
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
            request: takes the outcomes.
            deadline: bounds loading and waiting together.
        """
        while wanted := request.wanted():
            leases = self._acquire(request, wanted, deadline)
            if unclear := [name for name in wanted if name not in leases]:  # MongoDB cannot tell
                request.load(unclear, deadline)
            if mine := {name: lease for name, lease in leases.items() if lease.mine}:
                self._lead(request, mine, deadline)
            if theirs := {name: lease for name, lease in leases.items() if not lease.mine}:
                self._share(request, theirs, deadline)

    def run_unless_held(self, request: LoadRequest, deadline: Deadline) -> bool:
        """Fetch everything unless another process does, or did a moment ago; return True if it was fetched here.

        Without MongoDB nothing is fetched.
        """
        leases = self._acquire(request, request.wanted(), deadline)
        mine = {name: lease for name, lease in leases.items() if lease.mine}
        if mine:
            self._lead(request, mine, deadline)
        return bool(mine)

    def _acquire(self, request: LoadRequest, wanted: Mapping[str, int], deadline: Deadline) -> dict[str, LoadLease]:
        """Return the present leases, acquired by us if they were free; without those that MongoDB cannot tell.

        One is acquired before the others. When several processes want the same deals at the same moment, one of them
        gets it, and the others give it time to get the rest: with a part each they would make more calls.
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
                if not all(lease.mine for lease in leases.values()):
                    self._give_way(min(_GIVE_WAY, deadline.remaining()))
                leases |= acquire(rest)
        except StoreUnavailable as failure:  # the read path has already met that failure, and reports it
            log.debug("%d deals are loaded without a lease: %s", len(wanted) - len(leases), failure)
        except StoreError as error:
            log.warning("%d deals are loaded for this process alone: %s", len(wanted) - len(leases), error)
        return leases

    def _lead(self, request: LoadRequest, mine: Mapping[str, LoadLease], deadline: Deadline) -> None:
        ends: dict[str, LoadEnd | HubSpotError] = dict.fromkeys(mine, LoadEnd.ABANDONED)
        try:
            with self._lease_renewer.keeping(*mine.values()):
                # Earlier holders may have finished between our read of MongoDB and our acquiring the leases.
                there = request.find_stored(mine) if request.look_first else set()
                ends |= dict.fromkeys(there, LoadEnd.LOADED)
                if rest := [name for name in mine if name not in there]:
                    ends |= request.load(rest, deadline)
        finally:
            self._release([_ended(lease, ends[name]) for name, lease in mine.items()])

    def _release(self, ended: list[LoadLease]) -> None:
        try:
            self._leases.release(ended)
        except StoreError as error:
            log.warning("%d leases could not be released and will expire: %s", len(ended), error)

    def _share(self, request: LoadRequest, theirs: Mapping[str, LoadLease], deadline: Deadline) -> None:
        """Take what other processes load, or loaded a moment ago; what they gave up is left to be tried again."""
        recent = {name: lease for name, lease in theirs.items() if request.pause and not lease.held}
        held = {name: lease for name, lease in theirs.items() if name not in recent}
        ended = self._await_ends(held, deadline) if held else {}
        loaded = [name for name, lease in ended.items() if lease is not None and lease.end is LoadEnd.LOADED]
        there = request.find_stored(loaded) if loaded else set()
        of_no_use = [name for name in loaded if name not in there]
        for name, lease in (ended | recent).items():
            match lease:
                case LoadLease(end=LoadEnd.UNKNOWN):
                    request.unknown(name)
                case LoadLease(end=LoadEnd.LOADED) if name in recent:
                    request.failed(name, RecentlyRefreshedError())
                case LoadLease(end=LoadEnd.FAILED):
                    failure = None if lease.failure is None else decode_error(lease.failure)
                    if failure is None:
                        of_no_use.append(name)
                    else:
                        request.failed(name, failure)
        for name in held.keys() - ended.keys():
            request.failed(name, FlightTimeoutError("another process did not finish its load in time"))
        if of_no_use:
            request.load(of_no_use, deadline)  # waiting again would bring nothing more

    def _await_ends(self, held: Mapping[str, LoadLease], deadline: Deadline) -> dict[str, LoadLease | None]:
        """Wait for the leases of others to end; None for those without a recorded outcome, or if MongoDB cannot tell.

        Leases that have not ended in time are left out.
        """
        self._on_wait()
        waiting, ended, pause = dict(held), dict[str, LoadLease | None](), FIRST_PAUSE
        while waiting and not deadline.expired():
            self._sleep(min(pause, deadline.remaining()))
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                seen = self._leases.read_leases(waiting)
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
        """Note that the deal of lease ``name`` was just loaded under another name."""
        try:
            self._leases.note_loaded(name, self._owner)
        except StoreError as error:
            log.warning("%s may be fetched again too soon: %s", name, error)


def _ended(lease: LoadLease, end: LoadEnd | HubSpotError) -> LoadLease:
    if isinstance(end, HubSpotError):
        return replace(lease, end=LoadEnd.FAILED, failure=encode_error(end))
    return replace(lease, end=end)
