"""The particulars of the memory tier: its bound in bytes, its accounting, and its safety under threads."""

from __future__ import annotations

import threading
from dataclasses import replace
from sys import getsizeof

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.tiers import CacheKey, Entry, MemoryTier, Usage, View
from dealcache.tiers.slots import ENTRY_OVERHEAD
from tests.clocks import ManualClock
from tests.listings import rows_of
from tests.tier_contract import always, entry, key


def put(tier: MemoryTier, clock: ManualClock, number: int, size: int, lives: float = 600) -> bool:
    name = f"deal {number}"
    entry = Entry(200, b"x" * size, '"t"', clock(), clock() + lives, clock() + lives, str(number), name)
    return tier.put(CacheKey.of(View.TIMELINE, DealKey("name", name)), entry, lambda: True)


def cost(size: int, name: str = "deal 0") -> int:
    return size + ENTRY_OVERHEAD + getsizeof(name)


def test_gives_up_the_least_recently_used():
    clock = ManualClock()
    tier = MemoryTier(3 * cost(100), clock)
    for number in range(3):
        put(tier, clock, number, 100)
    tier.get(CacheKey.of(View.TIMELINE, DealKey("name", "deal 0")))
    put(tier, clock, 3, 100)
    assert tier.get(CacheKey.of(View.TIMELINE, DealKey("name", "deal 0"))) is not None
    assert tier.get(CacheKey.of(View.TIMELINE, DealKey("name", "deal 1"))) is None
    assert tier.usage() == Usage(3, 3 * cost(100), 3 * cost(100), 1)


def test_what_is_larger_than_the_tier_is_not_kept_and_displaces_nothing():
    clock = ManualClock()
    tier = MemoryTier(cost(100), clock)
    put(tier, clock, 1, 50)
    assert not put(tier, clock, 2, 101)
    assert tier.usage().entries == 1


def test_a_replacement_that_does_not_fit_removes_the_old_value():
    clock = ManualClock()
    tier = MemoryTier(cost(100), clock)
    put(tier, clock, 1, 50)
    clock.tick(1)
    assert not put(tier, clock, 1, 5000)
    assert tier.usage() == Usage(0, 0, cost(100), 0)


def test_evicted_entries_leave_no_trace_in_the_indexes():
    clock = ManualClock()
    tier = MemoryTier(2 * cost(10, "deal 49"), clock)
    for number in range(50):
        put(tier, clock, number, 10)
    assert len(tier._by_deal) == 2
    assert len(tier._by_name) == 2
    tier.invalidate(Selection.all())
    assert not tier._by_deal
    assert not tier._by_name


def test_expired_entries_leave_no_trace_in_the_indexes():
    clock = ManualClock()
    tier = MemoryTier(100_000, clock)
    put(tier, clock, 1, 10, lives=5)
    clock.tick(6)
    tier.sweep()
    assert not tier._by_deal
    assert not tier._by_name


def test_names_are_counted_and_each_string_once(tier, clock):
    """A name may take 2 KB, in each of the spellings that it is asked for in."""
    name = "\U0001f980" * 512
    tier.put(key(name), entry(clock, "1", name), always)
    assert tier.usage().size_bytes == cost(2, name)
    tier.put(key("1", by="id"), entry(clock, "1", name), always)
    assert tier.usage().size_bytes == 2 * cost(2, name)
    tier.put(key(name + "!"), entry(clock, "1", name), always)
    assert tier.usage().size_bytes == 3 * cost(2, name) + getsizeof(name + "!")


def test_views_of_a_deal_that_were_read_apart_share_its_strings(tier, clock):
    for view in View:
        name, deal_id = "".join(["Ac", "me"]), "".join(["1", "2"])
        tier.put(key(name, view), entry(clock, deal_id, name), always)
    entries = [tier.get(key("Acme", view)) for view in View]
    assert len({id(one.deal_name) for one in entries}) == len({id(one.deal_id) for one in entries}) == 1
    renamed = entry(clock, "12", "Acme 2")
    tier.put(key("Acme 2"), renamed, always)
    assert tier.get(key("Acme 2")) == renamed


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tier(clock) -> MemoryTier:
    return MemoryTier(1_000_000, clock)


def test_hands_out_a_stale_entry_until_it_is_not_worth_keeping(tier, clock):
    tier.put(key(), entry(clock), always)
    clock.tick(999)
    assert tier.get(key()) is not None
    assert tier.get_many([key()]) != {}
    clock.tick(1)
    assert tier.get(key()) is None
    assert tier.get_many([key()]) == {}


def test_a_replacement_keeps_the_count_of_hits(tier, clock):
    tier.put(key(), entry(clock, body=b"old"), always)
    tier.record_hit(key())
    clock.tick(5)
    tier.put(key(), entry(clock, body=b"new"), always)
    assert rows_of(tier)[0].hits == 1
    assert tier.usage().entries == 1


def test_clearing_gives_back_what_the_entries_took(tier, clock):
    tier.put(key("A"), entry(clock, "1", "A"), always)
    tier.put(key("B"), entry(clock, "2", "B"), always)
    tier.invalidate(Selection.all())
    assert tier.usage().entries == 0
    assert tier.usage().size_bytes == 0


def test_all_entries_are_listed_in_parts_the_youngest_first(clock, monkeypatch):
    monkeypatch.setattr("dealcache.tiers.memory._PART", 2)
    tier = MemoryTier(100_000, clock)
    for number in range(3):
        put(tier, clock, number, 10)
    tier.put(key("2", by="id"), entry(clock, "2", "deal 2", body=b"12"), always)
    tier.record_hit(key("2", by="id"), 3)
    columns = tier.columns()
    first = next(columns)
    assert list(first.keys) == ["timeline:deal 2", "timeline:deal 2"]
    assert (list(first.deal_ids), list(first.hits)) == (["2", "2"], [3, 0])
    tier.invalidate(Selection.deals(ids=["1"]))  # what goes meanwhile is left out
    assert [list(part.keys) for part in columns] == [["timeline:deal 0"]]


def test_looking_does_not_count_as_using(clock):
    tier = MemoryTier(2 * cost(2, "third"), clock)
    tier.put(key("old"), entry(clock, "1", "old"), always)
    tier.put(key("young"), entry(clock, "2", "young"), always)
    rows_of(tier)
    tier.usage()
    tier.put(key("third"), entry(clock, "3", "third"), always)
    assert tier.get(key("old")) is None
    assert tier.get(key("young")) is not None


def test_a_hit_on_nothing_is_no_error(tier):
    tier.record_hit(key("nobody"))
    assert rows_of(tier) == []


def test_sweeping_gives_back_what_is_not_worth_keeping(tier, clock):
    tier.put(key("A"), entry(clock, "1", "A"), always)
    long_lived = replace(entry(clock, "2", "B"), keep_until=clock() + 5000)
    tier.put(key("B"), long_lived, always)
    clock.tick(1000)
    tier.sweep()
    assert tier.usage().entries == 1
    assert tier.invalidate(Selection.all()) == {"timeline:B"}


class RunningClock(ManualClock):
    """Goes on each time that somebody looks at it, as real ones do."""

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.mark.parametrize("selection", [Selection.all(), Selection.deals(ids=map(str, range(20)))], ids=["all", "ids"])
def test_what_expires_while_it_is_being_cleared_does_no_harm(selection):
    """Each round begins the clear at another moment before, between and after the ends of twenty entries."""
    removed = set()
    for moment in range(0, 500, 3):
        clock = RunningClock()
        tier = MemoryTier(1_000_000, clock)
        for number in range(20):
            put(tier, clock, number, 10, lives=400)
        clock.tick(moment)
        removed.add(len(tier.invalidate(selection)))
        assert tier.usage().entries == 0
        assert not tier._by_deal
    assert {0, 20} < removed


def test_tells_of_every_change():
    clock = ManualClock()
    told: list[Usage] = []
    tier = MemoryTier(100_000, clock, told.append)
    put(tier, clock, 1, 10)
    tier.invalidate(Selection.all())
    assert [usage.entries for usage in told] == [1, 0]


operations = st.lists(
    st.tuples(st.sampled_from(["put", "clear", "tick"]), st.integers(0, 15), st.integers(0, 4000)), max_size=60
)


@given(operations)
def test_never_holds_more_than_its_bound_and_its_books_are_right(steps):
    clock = ManualClock()
    tier = MemoryTier(5 * ENTRY_OVERHEAD, clock)
    for action, number, size in steps:
        if action == "put":
            put(tier, clock, number, size, lives=1 + size / 100)
        elif action == "clear":
            tier.invalidate(Selection.deals(ids=[str(number)]))
        else:
            clock.tick(number)
        usage = tier.usage()
        rows = rows_of(tier)
        assert usage.size_bytes <= usage.max_bytes
        assert usage.size_bytes == sum(row.size_bytes for row in rows)
        assert usage.entries == len(rows) == len(tier._by_deal) == len(tier._by_name)


@pytest.mark.timeout(60)
@settings(max_examples=10, deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**32))
def test_threads_never_break_it(threads, seed):
    clock = ManualClock()
    tier = MemoryTier(8 * cost(500), clock)
    failures: list[BaseException] = []
    begin = threading.Barrier(threads)

    def work(number: int) -> None:
        begin.wait()
        try:
            for step in range(300):
                chosen = (seed + number * 7919 + step * 104729) % 40
                if step % 50 == 49:
                    tier.invalidate(Selection.deals(ids=[str(chosen)]))
                elif step % 3:
                    tier.get(CacheKey.of(View.TIMELINE, DealKey("name", f"deal {chosen}")))
                    tier.record_hit(CacheKey.of(View.TIMELINE, DealKey("name", f"deal {chosen}")))
                else:
                    put(tier, clock, chosen, chosen * 20)
                assert tier.usage().size_bytes <= 8 * cost(500)
        except BaseException as failure:  # noqa: BLE001 - handed to the test's own thread
            failures.append(failure)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures
    assert tier.usage().entries == len(rows_of(tier)) == len(tier._by_deal)
