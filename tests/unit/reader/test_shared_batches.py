"""Batches in processes that share MongoDB and HubSpot: what one of them fetches, the others do not fetch as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import orjson
import pytest

from dealcache.hubspot import RateLimited, Unavailable
from dealcache.invalidation import Selection
from dealcache.reader import BatchAnswer, FlightTimeoutError, TooManyWaitingError
from dealcache.reader.heartbeat import LEASE
from dealcache.repositories import LoadEnd, StoreUnavailable
from dealcache.tiers import View
from tests.unit.reader.stands import Stand, named, version_of

BOTH = (View.INFO, View.ACTIVITIES_COUNT)


class Two:
    """The processes, and threads that read through them."""

    def __init__(self, pool: ThreadPoolExecutor, **second: float) -> None:
        self.pool = pool
        self.first = Stand()
        self.second = Stand(beside=self.first, **second)  # type: ignore[arg-type]
        self.hubspot, self.mongodb, self.clock = self.first.hubspot, self.first.mongodb, self.first.clock
        self.hubspot.versions |= {name: number for number, name in enumerate("abcd", 1)}

    def begin(self, stand: Stand, *names: str) -> Future[BatchAnswer]:
        """Let one process ask HubSpot for a batch, which does not answer until :meth:`end`."""
        self.hubspot.let.clear()
        asked = self.pool.submit(read, stand, *names)
        assert self.hubspot.entered.acquire(timeout=10)
        return asked

    def join(self, stand: Stand, *names: str) -> Future[BatchAnswer]:
        """Let one process find out that the other is at all of a batch."""
        asked = self.pool.submit(read, stand, *names)
        assert stand.waiting_elsewhere.acquire(timeout=10)
        return asked

    def end(self, leader: Future[BatchAnswer], *waiters: Stand) -> None:
        """Let HubSpot answer, and those who wait elsewhere look after that."""
        self.hubspot.let.set()
        leader.exception(10)
        for stand in waiters:
            stand.look.release()


@pytest.fixture
def two() -> Iterator[Two]:
    with ThreadPoolExecutor(8) as pool:
        yield Two(pool)


def read(stand: Stand, *names: str) -> BatchAnswer:
    return stand.batches.read([named(name) for name in names], BOTH)


def versions(answer: BatchAnswer) -> dict[str, int | None]:
    """For each answered name the version, None for an unknown deal."""
    assert answer.failures == {}
    bodies = {key.value: values[View.INFO].entry.body for key, values in answer.values.items()}
    return {name: orjson.loads(body)["version"] if body else None for name, body in bodies.items()}


def test_each_process_loads_what_the_other_is_not_at(two: Two) -> None:
    leader = two.begin(two.first, "a", "b")
    other = two.begin(two.second, "b", "c", "d")
    two.end(leader)
    assert two.second.waiting_elsewhere.acquire(timeout=10)
    two.second.look.release()
    assert versions(leader.result(10)) == {"a": 1, "b": 2}
    assert versions(other.result(10)) == {"b": 2, "c": 3, "d": 4}
    assert two.hubspot.batches == [["a", "b"], ["c", "d"]]
    two.mongodb.versions.clear()
    assert {value.tier for value in read(two.second, "b").values[named("b")].values()} == {"memory"}


def test_a_batch_waits_for_a_single_load_and_a_single_load_for_a_batch(two: Two) -> None:
    two.hubspot.let.clear()
    single = two.pool.submit(two.first.reader.read, View.TIMELINE, named("a"))
    assert two.hubspot.entered.acquire(timeout=10)
    batch = two.begin(two.second, "a", "b")
    late = two.pool.submit(two.first.reader.read, View.INFO, named("b"))
    assert two.first.waiting_elsewhere.acquire(timeout=10)
    two.end(single)  # type: ignore[arg-type]
    assert two.second.waiting_elsewhere.acquire(timeout=10)
    two.second.look.release()
    assert versions(batch.result(10)) == {"a": 1, "b": 2}
    two.first.look.release()
    assert version_of(late.result(10)) == 2
    assert (two.hubspot.loads, two.hubspot.batches) == (2, [["b"]])


def test_of_two_that_come_at_once_one_gets_everything(two: Two) -> None:
    leases = two.first.leases
    got = {"name:a": leases.acquire("name:a", "another process", LEASE)}
    two.second.give_way = lambda: got.update(leases.acquire_many({"name:b": 0, "name:c": 0}, "another process", LEASE))
    other = two.join(two.second, "c", "b", "a")
    assert all(lease.mine for lease in got.values())
    two.mongodb.versions |= {"a": 1, "b": 2, "c": 3}
    for lease in got.values():
        leases.release(lease, LoadEnd.LOADED)
    two.second.look.release()
    assert versions(other.result(10)) == {"a": 1, "b": 2, "c": 3}
    assert two.hubspot.batches == []


def test_that_there_is_no_such_deal_is_shared_and_remembered_by_both(two: Two) -> None:
    leader = two.begin(two.first, "nobody", "a")
    waiter = two.join(two.second, "nobody", "a")
    two.end(leader, two.second)
    assert versions(leader.result(10)) == versions(waiter.result(10)) == {"nobody": None, "a": 1}
    two.hubspot.versions["nobody"] = 5
    for stand in (two.first, two.second):
        assert stand.reader.read(View.TIMELINE, named("nobody")).entry.status == 404
    assert len(two.hubspot.batches) == 1


def test_a_failure_is_shared_with_those_who_wait_for_it_and_not_remembered(two: Two) -> None:
    two.hubspot.failing["a"] = RateLimited("slowly", retry_after=7)
    leader = two.begin(two.first, "a", "b")
    waiter = two.join(two.second, "a", "b")
    two.end(leader, two.second)
    for one in (leader, waiter):
        failure = one.result(10).failures[named("a")]
        assert isinstance(failure, RateLimited)
        assert failure.retry_after == 7
        assert set(one.result(10).values) == {named("b")}
    two.hubspot.failing.clear()
    assert versions(read(two.second, "a")) == {"a": 1}
    assert two.hubspot.batches == [["a", "b"], ["a"]]


def test_names_in_another_case_are_one_load_and_each_gets_its_own(two: Two) -> None:
    two.hubspot.versions["A"] = 9
    leader = two.begin(two.first, "a", "A")
    waiter = two.join(two.second, "A", "a")
    two.end(leader, two.second)
    assert versions(leader.result(10)) == {"a": 1, "A": 9}
    assert versions(waiter.result(10)) == {"A": 9, "a": 1}
    assert two.hubspot.batches == [["a", "A"]]


def test_what_a_dead_process_was_at_is_loaded_when_its_lease_has_run_out(two: Two) -> None:
    two.first.leases.acquire("name:a", "dead", LEASE)
    waiter = two.pool.submit(read, two.second, "a", "b")
    assert two.second.waiting_elsewhere.acquire(timeout=10)
    two.clock.tick(LEASE.total_seconds())
    two.second.look.release()
    assert versions(waiter.result(10)) == {"a": 1, "b": 2}
    assert two.hubspot.batches == [["b"], ["a"]]


def test_nobody_waits_longer_than_the_bound_and_only_what_was_waited_for_fails() -> None:
    stand = Stand(wait_seconds=0.0)
    stand.hubspot.versions |= {"a": 1, "b": 2}
    stand.leases.acquire("name:a", "slow", LEASE)
    answer = read(stand, "a", "b")
    assert isinstance(answer.failures[named("a")], FlightTimeoutError)
    assert set(answer.values) == {named("b")}


def test_what_could_not_be_stored_is_loaded_by_each(two: Two) -> None:
    two.hubspot.stored = False
    leader = two.begin(two.first, "a", "b")
    waiter = two.join(two.second, "a", "b")
    two.end(leader, two.second)
    assert versions(waiter.result(10)) == {"a": 1, "b": 2}
    assert len(two.hubspot.batches) == 2


def test_what_is_in_mongodb_no_more_is_loaded_at_once(two: Two) -> None:
    leader = two.begin(two.first, "a", "b")
    waiter = two.join(two.second, "a", "b")
    two.hubspot.let.set()
    leader.result(10)
    del two.mongodb.versions["a"]
    two.second.look.release()
    assert versions(waiter.result(10)) == {"a": 1, "b": 2}
    assert two.hubspot.batches == [["a", "b"], ["a"]]


def test_a_failure_that_only_another_release_can_tell_is_no_answer(two: Two) -> None:
    held = two.first.leases.acquire("name:a", "other release", LEASE)
    waiter = two.join(two.second, "a")
    two.first.leases.release(held, LoadEnd.FAILED, {"cause": "?"})
    two.second.look.release()
    assert versions(waiter.result(10)) == {"a": 1}


def test_a_process_with_too_many_loads_waits_for_others_all_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        two = Two(pool, loads=0)
        leader = two.begin(two.first, "a")
        waiter = two.join(two.second, "a", "b")
        two.end(leader, two.second)
        answer = waiter.result(10)
        assert isinstance(answer.failures[named("b")], TooManyWaitingError)
        assert set(answer.values) == {named("a")}
        # Nobody waits for what was given up.
        assert versions(read(two.first, "b")) == {"b": 2}


CLEARS: list[Callable[[], Selection]] = [
    Selection.all,
    lambda: Selection.deals(names=["A"]),
    lambda: Selection.deals(ids=["id-a"]),
]


@pytest.mark.parametrize("selection", CLEARS, ids=["all", "name", "id"])
def test_who_asks_after_a_clear_does_not_wait_for_a_batch_from_before(
    two: Two, selection: Callable[[], Selection]
) -> None:
    leader = two.begin(two.first, "a")
    two.hubspot.versions["a"] = 7
    two.second.reader.invalidate(selection())
    after = two.begin(two.second, "a")
    two.end(leader)
    assert versions(after.result(10)) == {"a": 7}


@pytest.mark.parametrize("when", ["before", "while waiting"])
def test_without_mongodb_each_process_loads_for_itself(two: Two, when: str) -> None:
    if when == "before":
        two.first.leases.failure = StoreUnavailable("down")
        assert versions(read(two.second, "a", "b")) == {"a": 1, "b": 2}
    else:
        two.first.leases.acquire("name:a", "other", LEASE)
        waiter = two.join(two.second, "a")
        two.first.leases.failure = StoreUnavailable("down")
        two.second.look.release()
        assert versions(waiter.result(10)) == {"a": 1}


def test_a_batch_that_fails_by_our_own_fault_holds_no_lease(two: Two) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError

    load_many, two.hubspot.load_many = two.hubspot.load_many, broken  # type: ignore[method-assign, assignment]
    with pytest.raises(ZeroDivisionError):
        read(two.first, "a", "b")
    two.hubspot.load_many = load_many  # type: ignore[method-assign]
    assert versions(read(two.second, "a", "b")) == {"a": 1, "b": 2}


def test_what_has_come_into_mongodb_before_the_lease_was_had_is_not_loaded(two: Two) -> None:
    acquire = two.first.leases.acquire_many

    def late(*args, **kwargs):
        two.mongodb.versions["a"] = 8  # by a load that ended just now
        return acquire(*args, **kwargs)

    two.first.leases.acquire_many = late  # type: ignore[method-assign]
    two.hubspot.versions["A"] = 9
    assert versions(read(two.second, "a", "A", "b")) == {"a": 8, "A": 9, "b": 2}
    assert two.hubspot.batches == [["A", "b"]]


def test_all_names_that_failed_tell_so(two: Two) -> None:
    two.hubspot.failure = Unavailable("down")
    read(two.first, "a", "b")
    assert [two.first.leases.look(f"name:{name}").end for name in "ab"] == [LoadEnd.FAILED] * 2  # type: ignore[union-attr]
