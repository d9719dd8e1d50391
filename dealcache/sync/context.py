"""The parts that one job works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from dealcache.hubspot.batch_size import BatchSizes
from dealcache.hubspot.gateway import HubSpotGateway
from dealcache.hubspot.worker_pool import WorkerPool
from dealcache.model.deals import Deal, Event
from dealcache.model.invalidation import Changes
from dealcache.model.jobs import CancelReason
from dealcache.model.labels import Labels
from dealcache.repositories import DealInfoRepository, DealSummaries, DealTimelineRepository, MissingTypeRepository
from dealcache.repositories.storage import Storage
from dealcache.sync.bisection import CONTROLS
from dealcache.sync.cancellation import CancellationToken
from dealcache.sync.hubspot_reader import HubSpotReader
from dealcache.sync.job_progress import JobProgress
from dealcache.sync.people_sync import PeopleStorage, PeopleSync
from dealcache.sync.refused_types import RefusedTypes

#: Calls and writes that a sync may have in progress at once: enough to use up HubSpot's limits at a second per call.
SYNC_THREADS = 10

#: Calls that wait for the next thread, so that none is idle until the job's own thread has handled a result. Few,
#: because a call that is to come first still comes after them.
_CALLS_AT_HAND = 3


class ChangePublisher(Protocol):
    """Announces changes in MongoDB to all caches and listeners; ``dealcache.invalidation`` has it. Thread-safe."""

    def changed(self, changes: Changes) -> None:
        """Evict the cached views of changed deals: here at once, elsewhere within a second. Does not block."""

    def doubt(self) -> None:
        """Distrust everything that is cached: a write was interrupted, and what it changed is unknown."""

    def settle(self) -> None:
        """Wait until all processes are certain to learn of everything published so far.

        Raises:
            StoreError: MongoDB cannot record it now.
        """


@dataclass(frozen=True, slots=True)
class SyncContext:
    """The parts that one job works with.

    ``now`` is the wall clock, aware and in UTC; ``labels`` returns those known now; ``refused_types`` holds the types
    that HubSpot refuses to the job, and whether the job continues without them; ``unlisted`` are the types of
    activities whose archived records HubSpot did not list the last time: an association may lead to an archived record,
    and only a read of the record tells that; ``people`` names those who take part, None for no names.
    """

    hubspot: HubSpotReader
    pool: WorkerPool
    deals: DealInfoRepository
    timelines: DealTimelineRepository
    missing_types: MissingTypeRepository
    summaries: DealSummaries
    progress: JobProgress
    labels: Callable[[], Labels]
    now: Callable[[], datetime]
    refused_types: RefusedTypes
    unlisted: frozenset[str] = frozenset()
    people: PeopleSync | None = None


class SyncContexts:
    """Opens a :class:`SyncContext` for each sync.

    Args:
        hubspot: opens the connections.
        storage: the stored deals.
        check_account: raises if the token is another account's.
        look_up_labels: called with the deals and events that were read.
        labels: the labels that are known now.
        now: the wall clock, aware, in UTC.
        people: keeps the names of people; None for no names.
    """

    def __init__(
        self,
        hubspot: HubSpotGateway,
        storage: Storage,
        check_account: Callable[[], None],
        look_up_labels: Callable[[Sequence[Deal], Sequence[Event]], None],
        labels: Callable[[], Labels],
        now: Callable[[], datetime],
        people: PeopleStorage | None = None,
    ) -> None:
        self._people = people
        self._hubspot = hubspot
        self._storage = storage
        self._check_account = check_account
        self._look_up_labels = look_up_labels
        self._labels = labels
        self._now = now
        # Shared by all syncs: a size that was too large for one is too large for the next.
        self._sizes = BatchSizes()

    @contextmanager
    def open(self, progress: JobProgress, stop: CancellationToken, *, tolerant: bool = False) -> Iterator[SyncContext]:
        """Yield the parts for one sync, and close them at the end.

        Args:
            progress: counts what the sync does.
            stop: ends it.
            tolerant: whether it continues without types and single records that HubSpot refuses.

        Raises:
            WrongAccount: MongoDB holds the data of another account.
        """
        self._check_account()
        executor = ThreadPoolExecutor(SYNC_THREADS, thread_name_prefix="sync")
        ahead = ThreadPoolExecutor(1, thread_name_prefix="sync-ahead")
        pool = WorkerPool(executor, SYNC_THREADS + _CALLS_AT_HAND, ahead=ahead, check_stop=stop.check)
        with self._hubspot.connect(SYNC_THREADS + 1, progress.called) as connect:
            storage, kept = self._storage, self._people
            stored = partial(_some_stored, storage) if tolerant else None
            source = HubSpotReader(
                connect, self._hubspot.mapper, self._look_up_labels, progress, stop, self._sizes, stored
            )
            people = None if kept is None else PeopleSync(kept, source, progress, self._now)
            try:
                yield SyncContext(
                    source,
                    pool,
                    storage.deals,
                    storage.timelines,
                    storage.missing_types,
                    storage.summaries,
                    progress,
                    self._labels,
                    self._now,
                    RefusedTypes(tolerant=tolerant),
                    people=people,
                )
            finally:
                pool.cancel_all()
                # A process must not wait for HubSpot to exit; an ended job must not write any more.
                for threads in (ahead, executor):
                    threads.shutdown(wait=stop.reason is not CancelReason.SHUTDOWN, cancel_futures=True)
            storage.summaries.settle_own()


def _some_stored(storage: Storage, kind: str, other_than: Sequence[str]) -> list[str]:
    """Return the ids of some records of a type that HubSpot has returned before."""
    if kind == "deals":
        return storage.deals.some_ids(CONTROLS, other_than)
    return storage.timelines.some_engagements(kind, CONTROLS, other_than)
