"""Memory and a tier that workers share, as one: what comes out of them, and what is kept where."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.model.labels import Labels
from dealcache.model.workers import RedisUnavailable
from dealcache.reader.answers import ReadTrace, TierOutcome
from dealcache.reader.fence import Fence
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.tiered_cache import TieredCache
from dealcache.tiers import CacheKey, Entry, MemoryTier, View
from tests.clocks import ManualClock


class SharedTier(MemoryTier):
    """Stands in for Redis: a second memory tier, which can be unplugged."""

    unplugged = False

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        self._check()
        return super().get_many(keys)

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        self._check()
        return super().put(key, entry, permit)

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        self._check()
        return super().invalidate(selection, before)

    def _check(self) -> None:
        if self.unplugged:
            raise RedisUnavailable("unplugged")


class Worker:
    """One process: its memory, and the tier that it shares with others."""

    def __init__(self, clock: ManualClock, shared: SharedTier | None) -> None:
        self.memory = MemoryTier(1_000_000, clock)
        self.fence = Fence()
        self.fence.begin(0)
        self.watermark = InvalidationWatermark(clock, clock)
        self.cache = TieredCache(self.memory, shared, self.fence, self.watermark, LabelDirectory(Labels), clock)

    def look(self, key: CacheKey) -> tuple[Entry | None, bool, list[tuple[str, TierOutcome]]]:
        trace = ReadTrace()
        found = self.cache.lookup([key], trace).get(key)
        steps = [(step.tier, step.outcome) for step in trace.steps]
        return (None, False, steps) if found is None else (found.entry, found.stale, steps)

    def keep(self, key: CacheKey, entry: Entry) -> None:
        self.cache.keep(key, entry, self.cache.fence.token())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000.0)


@pytest.fixture
def shared(clock: ManualClock) -> SharedTier:
    return SharedTier(1_000_000, clock)


@pytest.fixture
def worker(clock: ManualClock, shared: SharedTier) -> Worker:
    return Worker(clock, shared)


@pytest.fixture
def other(clock: ManualClock, shared: SharedTier) -> Worker:
    return Worker(clock, shared)


KEY = CacheKey.of(View.INFO, DealKey("name", "Acme"))
ACME = Selection.deals(ids=["7"])
MISSED, HIT = ("memory", TierOutcome.MISS), ("memory", TierOutcome.HIT)


def entry(clock: ManualClock, status: int = 200) -> Entry:
    return Entry(status, b"{}", '"t"', clock(), clock() + 600, clock() + 1_000, "7", "Acme")


def test_what_one_worker_keeps_another_finds_and_then_has_itself(worker, other, clock):
    worker.keep(KEY, entry(clock))
    found, stale, steps = other.look(KEY)
    assert (found.body, stale, steps) == (b"{}", False, [MISSED, ("redis", TierOutcome.HIT)])
    assert other.look(KEY)[2] == [HIT]


def test_promotion_gives_no_new_time(worker, other, clock):
    kept = entry(clock)
    worker.keep(KEY, kept)
    clock.tick(500)
    found = other.look(KEY)[0]
    assert (found.fetched_at, found.expires_at) == (kept.fetched_at, kept.expires_at)
    clock.tick(100)
    assert other.look(KEY)[2] == [("memory", TierOutcome.STALE), ("redis", TierOutcome.MISS)]


def test_a_shared_value_that_is_older_than_an_invalidation_is_refused_by_who_knows_of_it(worker, other, shared, clock):
    worker.keep(KEY, entry(clock))
    other.fence.move(ACME, 1)
    assert other.look(KEY)[0] is None
    assert shared.get(KEY) is not None


def test_a_value_whose_load_began_after_the_invalidation_was_known_is_good(worker, other, clock):
    worker.fence.move(ACME, 1)
    other.fence.move(ACME, 1)
    worker.keep(KEY, entry(clock))
    assert other.look(KEY)[0] is not None


def test_a_load_that_an_invalidation_overtook_is_kept_nowhere(worker, shared, clock):
    token = worker.cache.fence.token()
    worker.fence.move(ACME, 1)
    worker.cache.keep(KEY, entry(clock), token)
    assert worker.memory.get(KEY) is None
    assert shared.get(KEY) is None


def test_an_invalidation_that_comes_while_a_shared_value_is_taken_over_keeps_it_out(worker, other, shared, clock):
    worker.keep(KEY, entry(clock))
    get_many = shared.get_many

    def overtaken(keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        found = get_many(keys)
        other.fence.move(ACME, 1)
        other.memory.invalidate(ACME, 1)
        return found

    shared.get_many = overtaken
    assert other.look(KEY)[0] is None
    assert other.memory.get(KEY) is None


def test_a_process_that_does_not_know_the_record_yet_trusts_no_shared_value(clock, shared, worker):
    worker.keep(KEY, entry(clock))
    newcomer = Worker(clock, shared)
    newcomer.fence = Fence()
    newcomer.cache = TieredCache(
        newcomer.memory, shared, newcomer.fence, newcomer.watermark, LabelDirectory(Labels), clock
    )
    assert newcomer.look(KEY)[0] is None


def test_without_the_shared_tier_memory_serves_and_keeps(worker, shared, clock):
    shared.unplugged = True
    assert worker.look(KEY)[2] == [MISSED, ("redis", TierOutcome.ERROR)]
    worker.keep(KEY, entry(clock))
    assert worker.look(KEY)[2] == [HIT]
    assert worker.cache.forget_shared(ACME, 1) == set()


def test_what_is_forgotten_is_counted_in_both(worker, clock):
    worker.keep(KEY, entry(clock))
    assert worker.cache.forget_shared(ACME, 1) == {"info:Acme"}
    assert worker.cache.apply(ACME, 1).cleared == {"info:Acme"}


def test_who_cannot_be_sure_serves_nothing_from_before_but_as_a_last_resort(worker, clock):
    worker.watermark.begin()
    worker.keep(KEY, entry(clock))
    clock.tick(1.5)
    found, stale, steps = worker.look(KEY)
    assert (found.body, stale) == (b"{}", True)
    assert steps[0] == ("memory", TierOutcome.UNSURE)
    assert worker.cache.hit(KEY) is None
    assert worker.cache.kept(KEY).stale


def test_who_is_sure_again_trusts_what_is_left(worker, clock):
    worker.watermark.begin()
    worker.keep(KEY, entry(clock))
    clock.tick(60)
    assert worker.cache.hit(KEY) is None
    worker.watermark.note(worker.watermark.moment())
    assert worker.cache.hit(KEY) is not None


def test_what_was_read_since_is_trusted(worker, clock):
    worker.watermark.begin()
    clock.tick(60)
    worker.keep(KEY, entry(clock))
    assert worker.cache.hit(KEY) is not None


def test_a_remembered_404_is_no_last_resort(worker, clock):
    worker.watermark.begin()
    worker.keep(KEY, entry(clock, status=404))
    clock.tick(1.5)
    assert worker.look(KEY)[0] is None
    assert worker.cache.kept(KEY) is None


def test_many_are_looked_up_at_once(worker, other, clock):
    keys = [CacheKey.of(View.INFO, DealKey("name", f"Deal {number}")) for number in range(3)]
    worker.keep(keys[0], entry(clock))
    other.keep(keys[1], entry(clock))
    trace = ReadTrace()
    found = worker.cache.lookup(keys, trace)
    assert {key: (one.tier, one.stale) for key, one in found.items()} == {
        keys[0]: ("memory", False),
        keys[1]: ("redis", False),
    }
    assert [step.tier for step in trace.steps] == ["memory", "redis"]
    again = ReadTrace()
    assert {one.tier for one in worker.cache.lookup(keys[:2], again).values()} == {"memory"}
    assert [step.tier for step in again.steps] == ["memory"]
