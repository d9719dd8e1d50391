"""Stand-ins for the tiers below memory, which a test lets answer, fail, or wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime

import orjson

from dealcache.hubspot.errors import HubSpotError, Unavailable
from dealcache.model.deadline import Deadline
from dealcache.model.deals import Deal, DealKey
from dealcache.model.invalidation import Changes, Selection
from dealcache.model.labels import Labels, UnknownIds
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader.bulkhead import Bulkhead
from dealcache.reader.cluster_flight import ClusterFlight
from dealcache.reader.entries import EntryMaker
from dealcache.reader.fence import Applied, Fence, Token
from dealcache.reader.fetcher import Fetcher
from dealcache.reader.hubspot import HubSpotLoad
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.lease_renewer import LeaseRenewer
from dealcache.reader.load_request import RequestContext
from dealcache.reader.mongodb import StoredViews
from dealcache.reader.policy import FailSafeThrottle, StalenessPolicy
from dealcache.reader.reader import DealReader
from dealcache.reader.revalidator import RereadOutcome, Revalidator
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories import StoreError, StoreUnavailable
from dealcache.tiers import Entry, MemoryTier, View
from tests.clocks import ManualClock
from tests.unit.reader.leases import FakeLeases

POLICY = StalenessPolicy(ttl=600, stale_if_error=3600, negative_ttl=30, jitter=0.0)


class FakeMongoDB:
    """Stands in for MongoSource: holds a version number per deal, which it shows as every view's body."""

    def __init__(self, maker: EntryMaker, clock: ManualClock) -> None:
        self.maker = maker
        self.clock = clock
        self.versions: dict[str, int] = {}
        self.unsynced: set[str] = set()
        self.failure: StoreError | None = None
        self.sync_watermark: datetime | None = None
        self.batches: list[dict[DealKey, Collection[View]]] = []
        self.before_answer: Callable[[], None] = lambda: None

    def read_many(self, wanted: Mapping[DealKey, Collection[View]]) -> dict[DealKey, StoredViews]:
        self.batches.append(dict(wanted))
        if self.failure is not None:
            raise self.failure
        stored: dict[DealKey, StoredViews] = {key: (f"id-{key.value}",) for key in wanted if key.value in self.unsynced}
        for key, views in wanted.items():
            version = self.versions.get(key.value)
            self.before_answer()
            if version is not None and key not in stored:
                stored[key] = {view: self._entry(view, key, version) for view in views}
        return stored

    def _entry(self, view: View, key: DealKey, version: int) -> Entry:
        shown = {"version": version, "view": view}
        return self.maker.found(
            shown, deal_of(key), self.clock(), self.maker.labels.current(), UnknownIds(), self.sync_watermark
        )

    def known_ids(self, key: DealKey) -> tuple[str, ...]:
        if self.failure is not None:
            raise self.failure
        return (deal_of(key).deal_id,) if key.value in self.versions else ()


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
        self.fresh_labels: list[bool] = []
        self.entered = threading.Semaphore(0)
        self.let = threading.Event()
        self.let.set()

    def load(
        self,
        keys: Collection[DealKey],
        known_ids: Mapping[DealKey, Collection[str]],
        deadline: Deadline,
        *,
        fresh_labels: bool = False,
    ) -> HubSpotLoad:
        """One load of all of them; a name in ``failing`` fails alone."""
        self.batches.append([key.value for key in keys])
        self.deadlines.append(deadline)
        self.fresh_labels.append(fresh_labels)
        started = {key: (self.versions.get(key.value), self.mongodb.clock()) for key in keys}
        self.entered.release()
        assert self.let.wait(60)
        load = HubSpotLoad({}, {}, self.changes, self.stored)
        for key, (version, fetched_at) in started.items():
            self.loads += 1
            self.known_ids.append(tuple(known_ids.get(key, ())))
            if failure := self.failing.get(key.value, self.failure):
                load.failures[key] = failure
            elif version is None:
                load.views[key] = self.unknown(key)
            else:
                load.views[key] = self._views(key, version, fetched_at)
        return load

    def _views(self, key: DealKey, version: int, fetched_at: float) -> dict[View, Entry]:
        if self.stored:
            self.mongodb.versions[key.value] = version
        maker = self.mongodb.maker
        shown = {view: {"version": version, "view": view} for view in View}
        return {
            view: maker.found(shown[view], deal_of(key), fetched_at, maker.labels.current(), UnknownIds())
            for view in View
        }

    def unknown(self, key: DealKey) -> dict[View, Entry]:
        return dict.fromkeys(View, self.mongodb.maker.unknown(key, self.mongodb.clock()))


class OnlyHere:
    """Stands in for the invalidation log of a process that is alone: numbers them, and applies them."""

    def __init__(self, cache: TieredCache) -> None:
        self.cache = cache
        self.recorded: list[tuple[Selection, Changes | None]] = []
        cache.fence.begin(0)

    def record(self, selection: Selection, changes: Changes | None = None, claim: Token | None = None) -> Applied:
        self.recorded.append((selection, changes))
        return self.cache.apply(selection, len(self.recorded), claim)


class Stand:
    """A reader over stand-ins, and all that a test turns.

    Args:
        waiting: how many threads may wait for HubSpot.
        loads: how many loads may be under way.
        wait_seconds: how long a thread waits for another one's load.
        beside: another process, whose MongoDB and HubSpot are this one's too.
        max_data_age: seconds after which data is too old; 0: never.
    """

    def __init__(
        self,
        waiting: int = 100,
        loads: int = 100,
        wait_seconds: float = 10.0,
        beside: Stand | None = None,
        max_data_age: float = 0.0,
    ) -> None:
        #: The ids of the deals that were read again behind.
        self.reread: list[str] = []
        self.clock = beside.clock if beside else ManualClock()
        self.memory = MemoryTier(10_000_000, self.clock)
        self.mongodb = beside.mongodb if beside else FakeMongoDB(maker_of(), self.clock)
        self.hubspot = beside.hubspot if beside else FakeHubSpot(self.mongodb)
        self.leases = beside.leases if beside else FakeLeases(self.clock)
        self.waiting, self.waiting_elsewhere = threading.Semaphore(0), threading.Semaphore(0)
        #: Each permit is one look at what another process loads.
        self.look = threading.Semaphore(0)
        #: What happens while a batch leaves another process the time to acquire leases.
        self.give_way: Callable[[], object] = lambda: None
        fence, self.watermark = Fence(), InvalidationWatermark(self.clock, self.clock)
        labels = self.mongodb.maker.labels
        self.cache = TieredCache(self.memory, None, fence, self.watermark, labels, self.clock, self.waiting.release)
        self.publisher = OnlyHere(self.cache)
        self.fail_safe = FailSafeThrottle(self.clock)
        cluster = ClusterFlight(
            self.leases,  # type: ignore[arg-type]
            LeaseRenewer(self.leases),  # type: ignore[arg-type]
            "a process",
            self.waiting_elsewhere.release,
            sleep=lambda _seconds: self.look.acquire(timeout=60),
            give_way=lambda _seconds: self.give_way(),
        )

        def publish(selection: Selection, changes: Changes | None, claim: Token | None) -> Applied:
            return self.publisher.record(selection, changes, claim)

        self.revalidator = Revalidator(
            max_data_age, self._reread, lambda: True, lambda *_outcome: None, self.clock, self.clock, at_once=0
        )
        context = RequestContext(self.cache, publish, self.mongodb, self.hubspot, Bulkhead(loads))  # type: ignore[arg-type]
        fetcher = Fetcher(
            context=context,
            cluster=cluster,
            waiting=Bulkhead(waiting),
            wait_seconds=wait_seconds,
            timer=self.clock,
        )
        self.reader = DealReader(
            cache=self.cache,
            publish=publish,
            mongodb=self.mongodb,  # type: ignore[arg-type]
            fetcher=fetcher,
            fail_safe=self.fail_safe,
            revalidator=self.revalidator,
            wait_seconds=wait_seconds,
        )

    def _reread(self, deal_id: str, _is_stopping: Callable[[], bool]) -> RereadOutcome:
        self.reread.append(deal_id)
        return RereadOutcome.REFRESHED

    def break_everything(self) -> None:
        self.mongodb.failure = StoreUnavailable("down")
        self.hubspot.failure = Unavailable("down")


def maker_of(
    policy: StalenessPolicy = POLICY,
    labels: LabelDirectory | None = None,
    on_unknown: Callable[[UnknownIds], None] = lambda _unknown: None,
) -> EntryMaker:
    """A maker of entries that expire when the policy says; no label is known unless some are given."""
    return EntryMaker(policy, UTC, UnreadableRecords(), labels or LabelDirectory(Labels), on_unknown, own_properties=())


def deal_of(key: DealKey) -> Deal:
    """The deal that ``key`` names: its id is its name behind "id-"."""
    name = key.value.removeprefix("id-")
    return Deal(f"id-{name}", name, datetime(2026, 1, 1, tzinfo=UTC))


def named(name: str = "Acme") -> DealKey:
    return DealKey("name", name)


def version_of(answer) -> int:
    return orjson.loads(answer.entry.body)["version"]
