"""Stand-ins for the tiers below memory, which a test lets answer, fail, or wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime

import orjson

from dealcache.changes import Changes
from dealcache.deadline import Deadline
from dealcache.deals import Deal, DealKey
from dealcache.hubspot import HubSpotError, Unavailable
from dealcache.invalidation import Selection
from dealcache.reader import (
    Applied,
    BatchFetcher,
    BatchReader,
    DealReader,
    EntryMaker,
    Fence,
    Fetcher,
    Gate,
    Heartbeat,
    HubSpotBatch,
    HubSpotLoad,
    Policy,
    ReaderState,
    Retreat,
    SharedBatch,
    SharedFlight,
    TieredCache,
    TimelineNotSyncedError,
    Token,
    Trust,
)
from dealcache.reader.mongodb import StoredBatch
from dealcache.repositories import StoredDeal, StoreError, StoreUnavailable
from dealcache.tiers import Entry, MemoryTier, View
from tests.clocks import ManualClock
from tests.unit.reader.leases import FakeLeases

POLICY = Policy(ttl=600, stale_if_error=3600, negative_ttl=30, jitter=0.0)


class FakeMongoDB:
    """Stands in for MongoSource: holds a version number per deal, which it shows as every view's body."""

    def __init__(self, maker: EntryMaker, clock: ManualClock) -> None:
        self.maker = maker
        self.clock = clock
        self.versions: dict[str, int] = {}
        self.unsynced: set[str] = set()
        self.failure: StoreError | None = None
        self.reads = 0
        self.batches: list[dict[DealKey, Collection[View]]] = []
        self.before_answer: Callable[[], None] = lambda: None

    def read(self, view: View, key: DealKey) -> Entry | None:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        if key.value in self.unsynced:
            raise TimelineNotSyncedError(StoredDeal(deal_of(key), None))
        version = self.versions.get(key.value)
        self.before_answer()
        if version is None:
            return None
        return self.maker.found({"version": version, "view": view}, deal_of(key), self.clock())

    def read_many(self, wanted: Mapping[DealKey, Collection[View]]) -> StoredBatch:
        self.batches.append(dict(wanted))
        batch = StoredBatch({}, {key: (f"id-{key.value}",) for key in wanted if key.value in self.unsynced})
        for key, views in wanted.items():
            if key.value not in self.unsynced:
                found = {view: entry for view in views if (entry := self.read(view, key)) is not None}
                batch.entries.update({key: found} if found else {})
        return batch

    def candidates(self, key: DealKey) -> list[StoredDeal]:
        if self.failure is not None:
            raise self.failure
        return [StoredDeal(deal_of(key), None)] if key.value in self.versions else []


class FakeHubSpot:
    """Stands in for HubSpotSource: as FakeMongoDB, writing what it loads to it; counts loads; can be held."""

    def __init__(self, mongodb: FakeMongoDB) -> None:
        self.mongodb = mongodb
        self.versions: dict[str, int] = {}
        self.failure: HubSpotError | None = None
        self.changes = Changes()
        self.failing: dict[str, HubSpotError] = {}
        self.stored = True
        self.deadlines: list[Deadline | None] = []
        self.loads = 0
        self.batches: list[list[str]] = []
        self.known_ids: list[tuple[str, ...]] = []
        self.entered = threading.Semaphore(0)
        self.let = threading.Event()
        self.let.set()

    def load(self, key: DealKey, known_ids: tuple[str, ...] = (), deadline: Deadline | None = None) -> HubSpotLoad:
        self.loads += 1
        self.known_ids.append(tuple(known_ids))
        self.deadlines.append(deadline)
        version = self.versions.get(key.value)
        fetched_at = self.mongodb.clock()
        self.entered.release()
        assert self.let.wait(10)
        if self.failure is not None:
            raise self.failure
        maker = self.mongodb.maker
        if version is None:
            return HubSpotLoad(self.unknown(key))
        if self.stored:
            self.mongodb.versions[key.value] = version
        shown = {view: {"version": version, "view": view} for view in View}
        views = {view: maker.found(shown[view], deal_of(key), fetched_at) for view in View}
        return HubSpotLoad(views, self.changes, self.stored)

    def unknown(self, key: DealKey) -> dict[View, Entry]:
        return dict.fromkeys(View, self.mongodb.maker.unknown(key, self.mongodb.clock()))

    def load_many(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], deadline: Deadline
    ) -> HubSpotBatch:
        """As one load; a name in ``failing`` fails alone."""
        self.batches.append([key.value for key in keys])
        self.entered.release()
        assert self.let.wait(10)
        batch = HubSpotBatch({}, {}, self.changes, self.stored)
        for key in keys:
            if failure := self.failing.get(key.value, self.failure):
                batch.failures[key] = failure
            else:
                batch.views[key] = self.load(key, tuple(known_ids.get(key, ()))).views
        return batch


class OnlyHere:
    """Stands in for the record of invalidations of a process that is alone: numbers them, and applies them."""

    def __init__(self, state: ReaderState) -> None:
        self.state = state
        self.recorded: list[tuple[Selection, Changes | None]] = []
        state.begin(0)

    def record(self, selection: Selection, changes: Changes | None = None, claim: Token | None = None) -> Applied:
        self.recorded.append((selection, changes))
        return self.state.apply(selection, len(self.recorded), claim)


class Stand:
    """A reader over stand-ins, and all that a test turns.

    Args:
        waiting: how many threads may wait for HubSpot.
        loads: how many loads may be under way.
        wait_seconds: how long a thread waits for another one's load.
        beside: another process, whose MongoDB and HubSpot are this one's too.
    """

    def __init__(
        self, waiting: int = 100, loads: int = 100, wait_seconds: float = 10.0, beside: Stand | None = None
    ) -> None:
        self.clock = beside.clock if beside else ManualClock()
        self.memory = MemoryTier(10_000_000, self.clock)
        self.mongodb = beside.mongodb if beside else FakeMongoDB(EntryMaker(POLICY, UTC, lambda: 0.0), self.clock)
        self.hubspot = beside.hubspot if beside else FakeHubSpot(self.mongodb)
        self.leases = beside.leases if beside else FakeLeases(self.clock)
        self.waiting, self.waiting_elsewhere = threading.Semaphore(0), threading.Semaphore(0)
        #: Each permit is one look at what another process loads.
        self.look = threading.Semaphore(0)
        #: What happens while a batch leaves another process the time to acquire leases.
        self.give_way: Callable[[], object] = lambda: None
        fence, self.trust = Fence(), Trust(self.clock, self.clock)
        cache = TieredCache(self.memory, None, fence, self.trust, self.clock)
        self.state = ReaderState(cache, fence, self.waiting.release)
        self.journal = OnlyHere(self.state)
        self.retreat = Retreat(POLICY.retry_pause, self.clock)
        waiting_gate, loads_gate = Gate(waiting), Gate(loads)
        shared = SharedFlight(
            self.leases,  # type: ignore[arg-type]
            Heartbeat(self.leases),  # type: ignore[arg-type]
            "a process",
            self.waiting_elsewhere.release,
            sleep=lambda _seconds: self.look.acquire(timeout=10),
        )
        fetcher = Fetcher(
            state=self.state,
            journal=self.journal,
            mongodb=self.mongodb,  # type: ignore[arg-type]
            hubspot=self.hubspot,  # type: ignore[arg-type]
            shared=shared,
            waiting=waiting_gate,
            loads=loads_gate,
            wait_seconds=wait_seconds,
            refresh_pause=POLICY.refresh_pause,
            clock=self.clock,
        )
        self.reader = DealReader(
            state=self.state,
            journal=self.journal,
            mongodb=self.mongodb,  # type: ignore[arg-type]
            fetcher=fetcher,
            policy=POLICY,
            retreat=self.retreat,
            wait_seconds=wait_seconds,
            clock=self.clock,
        )
        batch_fetcher = BatchFetcher(
            state=self.state,
            journal=self.journal,
            mongodb=self.mongodb,  # type: ignore[arg-type]
            hubspot=self.hubspot,  # type: ignore[arg-type]
            shared=SharedBatch(
                self.leases,  # type: ignore[arg-type]
                Heartbeat(self.leases),  # type: ignore[arg-type]
                "a process",
                self.waiting_elsewhere.release,
                sleep=lambda _seconds: self.look.acquire(timeout=10),
                give_way=lambda _seconds: self.give_way(),
            ),
            waiting=waiting_gate,
            loads=loads_gate,
            wait_seconds=wait_seconds,
        )
        self.batches = BatchReader(
            cache=cache,
            mongodb=self.mongodb,  # type: ignore[arg-type]
            fetcher=batch_fetcher,
            retreat=self.retreat,
        )

    def break_everything(self) -> None:
        self.mongodb.failure = StoreUnavailable("down")
        self.hubspot.failure = Unavailable("down")


def deal_of(key: DealKey) -> Deal:
    """The deal that ``key`` names: its id is its name behind "id-"."""
    name = key.value.removeprefix("id-")
    return Deal(f"id-{name}", name, datetime(2026, 1, 1, tzinfo=UTC))


def named(name: str = "Acme") -> DealKey:
    return DealKey("name", name)


def version_of(answer) -> int:
    return orjson.loads(answer.entry.body)["version"]
