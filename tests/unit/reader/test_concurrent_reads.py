"""Threads on the read path: shared loads, bounds, and invalidations in the middle."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcache.api.problems import problem_of
from dealcache.hubspot.errors import Unavailable
from dealcache.model.invalidation import Selection
from dealcache.reader.answers import Mode
from dealcache.reader.bulkhead import BulkheadFullError
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.tiers import View
from tests.unit.reader.stands import Stand, named, version_of


def test_fifty_threads_on_one_cold_deal_cause_one_load_whatever_they_read():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    begin = threading.Barrier(50)

    def read(number: int) -> int:
        begin.wait()
        return version_of(stand.reader.read(list(View)[number % 3], named()))

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(read, range(50))) == [1] * 50
    assert stand.hubspot.loads == 1


def test_fifty_threads_share_one_failure():
    stand = Stand()
    stand.hubspot.failure = Unavailable("down")
    stand.hubspot.let.clear()

    def read(_number: int) -> str:
        with pytest.raises(Unavailable):
            stand.reader.read(View.INFO, named())
        return "failed"

    with ThreadPoolExecutor(50) as pool:
        results = pool.map(read, range(50))
        assert stand.hubspot.entered.acquire(timeout=60)
        for _ in range(49):
            assert stand.waiting.acquire(timeout=60)
        stand.hubspot.let.set()
        assert list(results) == ["failed"] * 50
    assert stand.hubspot.loads == 1


@pytest.mark.parametrize("bounds", [{"waiting": 2}, {"loads": 2}], ids=["waiting", "loads"])
def test_who_finds_too_many_waiting_is_told_at_once_or_gets_the_stale_value(bounds):
    stand = Stand(**bounds)
    stand.mongodb.versions["Known"] = 1
    stand.reader.read(View.INFO, named("Known"))
    stand.clock.tick(601)
    del stand.mongodb.versions["Known"]
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(stand.reader.read, View.INFO, named(f"cold {number}")) for number in range(2)]
        for _ in held:
            assert stand.hubspot.entered.acquire(timeout=60)
        with pytest.raises(BulkheadFullError) as refused:
            stand.reader.read(View.INFO, named("cold 3"))
        assert problem_of(refused.value).headers == {"Retry-After": "1"}
        assert stand.reader.read(View.INFO, named("Known")).stale
        stand.hubspot.let.set()
        for one in held:
            one.result(60)
    assert stand.reader.read(View.INFO, named("cold 3")).entry.status == 404


def test_those_who_wait_for_another_ones_load_do_not_count_as_loads():
    stand = Stand(loads=1)
    stand.hubspot.versions["Acme"] = 1
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(stand.reader.read, View.INFO, named()) for _ in range(20)]
        assert stand.hubspot.entered.acquire(timeout=60)
        for _ in range(19):
            assert stand.waiting.acquire(timeout=60)
        stand.hubspot.let.set()
        assert {version_of(one.result(60)) for one in asked} == {1}


def test_nobody_waits_for_another_threads_load_longer_than_the_bound():
    stand = Stand(wait_seconds=0.05)
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(stand.reader.read, View.INFO, named())
        assert stand.hubspot.entered.acquire(timeout=60)
        with pytest.raises(FlightTimeoutError):
            stand.reader.read(View.INFO, named())
        stand.hubspot.let.set()
        leader.result(60)


def test_concurrent_refreshes_share_one_fetch():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(stand.reader.read, View.INFO, named(), Mode.REFRESH) for _ in range(8)]
        assert stand.hubspot.entered.acquire(timeout=60)
        for _ in range(7):
            assert stand.waiting.acquire(timeout=60)
        stand.hubspot.let.set()
        assert {version_of(one.result(60)) for one in asked} == {1}
    assert stand.hubspot.loads == 1


@pytest.mark.parametrize(
    "selection", [Selection.all(), Selection.deals(names=["acme"]), Selection.deals(ids=["id-Acme"])], ids=str
)
def test_a_load_under_way_never_brings_a_cleared_value_back(selection):
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(1) as pool:
        before = pool.submit(stand.reader.read, View.INFO, named())
        assert stand.hubspot.entered.acquire(timeout=60)
        stand.hubspot.versions["Acme"] = 2
        stand.reader.invalidate(selection)
        stand.hubspot.let.set()
        assert version_of(before.result(60)) == 1
    assert stand.memory.usage().entries == 0


@pytest.mark.parametrize(
    "selection", [Selection.all(), Selection.deals(names=["acme"]), Selection.deals(ids=["id-Acme"])], ids=str
)
def test_who_asks_after_a_clear_does_not_join_a_load_from_before(selection):
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(stand.reader.read, View.INFO, named())
        assert stand.hubspot.entered.acquire(timeout=60)
        stand.hubspot.versions["Acme"] = 2
        stand.reader.invalidate(selection)
        after = pool.submit(stand.reader.read, View.INFO, named())
        assert stand.hubspot.entered.acquire(timeout=60)
        stand.hubspot.let.set()
        assert (version_of(before.result(60)), version_of(after.result(60))) == (1, 2)


def test_a_read_of_mongodb_under_way_never_brings_a_cleared_value_back():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.mongodb.before_answer = lambda: stand.reader.invalidate(Selection.all())
    assert version_of(stand.reader.read(View.INFO, named())) == 1
    assert stand.memory.usage().entries == 0


def test_a_refresh_overtakes_a_slow_load_from_before():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(stand.reader.read, View.INFO, named())
        assert stand.hubspot.entered.acquire(timeout=60)
        held, stand.hubspot.let = stand.hubspot.let, threading.Event()
        stand.hubspot.let.set()
        stand.hubspot.versions["Acme"] = 2
        stand.clock.tick(1)
        assert version_of(stand.reader.read(View.INFO, named(), Mode.REFRESH)) == 2
        held.set()
        assert version_of(slow.result(60)) == 1
    assert version_of(stand.reader.read(View.INFO, named())) == 2


def test_a_clear_during_a_refresh_keeps_its_value_out():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(stand.reader.read, View.INFO, named(), Mode.REFRESH)
        assert stand.hubspot.entered.acquire(timeout=60)
        stand.reader.invalidate(Selection.all())
        stand.hubspot.let.set()
        refresh.result(60)
    assert stand.memory.usage().entries == 0


@pytest.mark.timeout(90)
@settings(max_examples=15, deadline=None)
@given(st.integers(2, 6), st.lists(st.integers(0, 2), min_size=5, max_size=40))
def test_after_a_clear_nothing_older_is_ever_served(readers, writes):
    """Writers change the truth and clear; whoever begins to read after that must see the change."""
    stand = Stand()
    names = ["a", "b", "c"]
    stand.mongodb.versions.update(dict.fromkeys(names, 0))
    promised = dict.fromkeys(names, 0)
    failures: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for name in names:
                least = promised[name]
                seen = version_of(stand.reader.read(View.INFO, named(name)))
                if seen < least:
                    failures.append(f"{name}: saw {seen} after {least} was promised")

    threads = [threading.Thread(target=read) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for number in writes:
        name = names[number]
        stand.mongodb.versions[name] += 1
        stand.reader.invalidate(Selection.deals(ids=[f"id-{name}"], names=[name]))
        promised[name] = stand.mongodb.versions[name]
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
