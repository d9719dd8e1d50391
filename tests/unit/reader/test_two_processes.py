"""Two processes that share MongoDB and HubSpot: what one of them fetches, the other does not fetch as well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import orjson
import pytest

from dealcache.hubspot.errors import RateLimited, Unavailable
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.answers import Answer, BatchAnswer, Mode
from dealcache.reader.bulkhead import BulkheadFullError
from dealcache.reader.lease_renewer import LEASE
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.repositories import LoadEnd, LoadLease, StoreUnavailable
from dealcache.tiers import View
from tests.lease_contract import acquire_one, look_at, release_one
from tests.unit.reader.stands import Stand, named, version_of

BY_ID = DealKey("id", "id-Acme")
BOTH = (View.INFO, View.ACTIVITIES_COUNT)


Read = TypeVar("Read")


class Two:
    """The processes, and threads that read through them."""

    def __init__(self, pool: ThreadPoolExecutor, **second: float) -> None:
        self.pool = pool
        self.first = Stand()
        self.second = Stand(beside=self.first, **second)  # type: ignore[arg-type]
        self.hubspot, self.mongodb, self.clock = self.first.hubspot, self.first.mongodb, self.first.clock
        self.hubspot.versions |= {"Acme": 1} | {name: number for number, name in enumerate("abcd", 1)}

    def begin(self, stand: Stand, mode: Mode = Mode.DEFAULT, key: DealKey | None = None) -> Future[Answer]:
        """Let one process ask HubSpot, which does not answer until :meth:`end`."""
        return self._begun(lambda: stand.reader.read(View.INFO, key or named(), mode))

    def begin_batch(self, stand: Stand, *names: str) -> Future[BatchAnswer]:
        """Let one process ask HubSpot for a batch, which does not answer until :meth:`end`."""
        return self._begun(lambda: read(stand, *names))

    def join(self, stand: Stand, mode: Mode = Mode.DEFAULT, key: DealKey | None = None) -> Future[Answer]:
        """Let one process find out that the other is at it."""
        return self._joined(stand, lambda: stand.reader.read(View.INFO, key or named(), mode))

    def join_batch(self, stand: Stand, *names: str) -> Future[BatchAnswer]:
        """Let one process find out that the other is at all of a batch."""
        return self._joined(stand, lambda: read(stand, *names))

    def end(self, leader: Future[Any], *waiters: Stand) -> None:
        """Let HubSpot answer, and those who wait elsewhere look after that."""
        self.hubspot.let.set()
        leader.exception(10)
        for stand in waiters:
            stand.look.release()

    def _begun(self, work: Callable[[], Read]) -> Future[Read]:
        self.hubspot.let.clear()
        asked = self.pool.submit(work)
        assert self.hubspot.entered.acquire(timeout=60)
        return asked

    def _joined(self, stand: Stand, work: Callable[[], Read]) -> Future[Read]:
        asked = self.pool.submit(work)
        assert stand.waiting_elsewhere.acquire(timeout=60)
        return asked


@pytest.fixture
def two() -> Iterator[Two]:
    with ThreadPoolExecutor(8) as pool:
        yield Two(pool)


def test_a_cold_deal_is_loaded_by_one_and_both_have_it(two: Two) -> None:
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(60)) == version_of(leader.result(60)) == 1
    assert two.hubspot.loads == 1
    two.mongodb.versions.clear()
    assert all(two.second.reader.read(view, named()).tier == "memory" for view in View)


def test_those_who_wait_in_one_process_wait_for_the_other_together(two: Two) -> None:
    leader = two.begin(two.first)
    waiters = [two.join(two.second)]
    waiters += [two.pool.submit(two.second.reader.read, View.TIMELINE, named()) for _ in range(5)]
    for _ in range(5):
        assert two.second.waiting.acquire(timeout=60)
    two.end(leader, two.second)
    assert {version_of(one.result(60)) for one in waiters} == {1}
    assert two.hubspot.loads == 1


def test_names_in_another_case_wait_for_each_other_and_get_each_their_own(two: Two) -> None:
    two.hubspot.versions["ACME"] = 2
    leader = two.begin(two.first)
    waiter = two.join(two.second, key=named("ACME"))
    two.mongodb.versions["ACME"] = 5
    two.end(leader, two.second)
    assert (version_of(leader.result(60)), version_of(waiter.result(60))) == (1, 5)


def test_that_there_is_no_such_deal_is_shared_and_remembered_by_both(two: Two) -> None:
    two.hubspot.versions.clear()
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert (leader.result(60).entry.status, waiter.result(60).entry.status) == (404, 404)
    two.hubspot.versions["Acme"] = 1
    for stand in (two.first, two.second):
        assert stand.reader.read(View.TIMELINE, named()).entry.status == 404
    assert two.hubspot.loads == 1
    two.clock.tick(30)
    assert two.second.reader.read(View.INFO, named()).entry.status == 200


def test_a_failure_is_shared_and_not_remembered(two: Two) -> None:
    two.hubspot.failure = RateLimited("slowly", retry_after=7)
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    for one in (leader, waiter):
        with pytest.raises(RateLimited) as shared:
            one.result(60)
        assert shared.value.retry_after == 7
    assert two.hubspot.loads == 1
    two.hubspot.failure = None
    assert version_of(two.second.reader.read(View.INFO, named())) == 1


def test_who_waits_for_another_process_is_not_at_a_load_but_holds_a_place_among_those_who_wait() -> None:
    with ThreadPoolExecutor(8) as pool:
        two = Two(pool)
        two.second = Stand(loads=0, waiting=1, beside=two.first)
        leader = two.begin(two.first)
        waiter = two.join(two.second)
        two.mongodb.versions["other"] = 1
        with pytest.raises(Exception, match="already"):
            two.second.reader.read(View.INFO, named("cold"))
        two.end(leader, two.second)
        assert version_of(waiter.result(60)) == 1


def test_a_process_that_dies_is_followed_by_the_next(two: Two) -> None:
    acquire_one(two.first.leases, "name:acme", "dead", LEASE)
    waiter = two.join(two.second)
    two.clock.tick(LEASE.total_seconds())
    two.second.look.release()
    assert version_of(waiter.result(60)) == 1
    assert two.hubspot.deadlines != [None]


def test_what_could_not_be_stored_is_loaded_by_each(two: Two) -> None:
    two.hubspot.stored = False
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(60)) == 1
    assert two.hubspot.loads == 2


CLEARS: list[Callable[[], Selection]] = [
    Selection.all,
    lambda: Selection.deals(names=["ACME"]),
    lambda: Selection.deals(ids=["id-Acme"]),
]


@pytest.mark.parametrize("selection", CLEARS, ids=["all", "name", "id"])
def test_who_asks_after_a_clear_does_not_wait_for_a_load_from_before(
    two: Two, selection: Callable[[], Selection]
) -> None:
    leader = two.begin(two.first)
    two.hubspot.versions["Acme"] = 2
    two.second.reader.invalidate(selection())
    after = two.begin(two.second)
    two.end(leader)
    assert (version_of(leader.result(60)), version_of(after.result(60))) == (1, 2)


def test_who_asks_after_a_clear_waits_for_a_load_from_after_it(two: Two) -> None:
    for stand in (two.first, two.second):
        stand.reader.invalidate(Selection.all())
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(60)) == 1
    assert two.hubspot.loads == 1


def test_who_asks_after_another_deal_was_cleared_waits(two: Two) -> None:
    leader = two.begin(two.first)
    two.second.reader.invalidate(Selection.deals(ids=["id-Other"], names=["Other"]))
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(60)) == 1
    assert two.hubspot.loads == 1


# Refreshes


def test_refreshes_at_once_share_one_fetch_and_both_let_go_what_they_had(two: Two) -> None:
    two.mongodb.versions.update({"Acme": 1, "ACME": 1})
    for stand in (two.first, two.second):
        for spelling in ("Acme", "ACME"):
            stand.reader.read(View.TIMELINE, named(spelling))
    two.hubspot.versions["Acme"] = 2
    two.clock.tick(1)
    leader = two.begin(two.first, Mode.REFRESH)
    waiter = two.join(two.second, Mode.REFRESH)
    two.mongodb.versions["ACME"] = 2
    two.end(leader, two.second)
    for one in (leader, waiter):
        assert (one.result(60).tier, version_of(one.result(60))) == ("hubspot", 2)
    assert two.hubspot.loads == 1
    for stand in (two.first, two.second):
        for spelling in ("Acme", "ACME"):
            assert version_of(stand.reader.read(View.TIMELINE, named(spelling))) == 2


def test_a_refresh_that_finds_nothing_is_shared_and_both_let_go_what_they_had(two: Two) -> None:
    two.hubspot.versions.clear()
    for spelling in ("Acme", "ACME"):
        two.mongodb.versions[spelling] = 1
        two.second.reader.read(View.INFO, named(spelling))
    leader = two.begin(two.first, Mode.REFRESH)
    waiter = two.join(two.second, Mode.REFRESH)
    two.mongodb.versions.clear()
    two.end(leader, two.second)
    assert waiter.result(60).entry.status == 404
    for spelling in ("Acme", "ACME"):
        assert two.second.reader.read(View.INFO, named(spelling)).entry.status == 404


@pytest.mark.parametrize("key", [named(), BY_ID], ids=["name", "id"])
def test_what_the_other_refreshed_lately_comes_from_mongodb(two: Two, key: DealKey) -> None:
    """Memory may hold an older value, for of the refresh this process has perhaps not heard yet."""
    two.mongodb.versions.update({"Acme": 1, "id-Acme": 1})
    two.second.reader.read(View.INFO, key)
    two.hubspot.versions["Acme"] = 2
    two.clock.tick(1)
    two.first.reader.read(View.INFO, named(), Mode.REFRESH)
    two.mongodb.versions["id-Acme"] = 2
    two.clock.tick(9)
    answer = two.second.reader.read(View.INFO, key, Mode.REFRESH)
    assert (answer.tier, version_of(answer)) == ("mongodb", 2)
    assert two.hubspot.loads == 1
    two.clock.tick(1)
    two.hubspot.versions["id-Acme"] = 3
    assert two.second.reader.read(View.INFO, key, Mode.REFRESH).tier == "hubspot"


def test_what_the_other_found_unknown_lately_is_not_asked_for_again(two: Two) -> None:
    two.hubspot.versions.clear()
    assert two.first.reader.read(View.INFO, named(), Mode.REFRESH).entry.status == 404
    two.clock.tick(9)
    assert two.second.reader.read(View.INFO, named(), Mode.REFRESH).entry.status == 404
    assert two.hubspot.loads == 1


def test_a_refresh_that_failed_or_was_not_stored_may_be_tried_again(two: Two) -> None:
    two.hubspot.failure = RateLimited("slowly", retry_after=7)
    with pytest.raises(RateLimited):
        two.first.reader.read(View.INFO, named(), Mode.REFRESH)
    two.mongodb.versions.update({"Acme": 1, "id-Acme": 1})
    two.hubspot.versions.update({"Acme": 2, "id-Acme": 2})
    two.hubspot.failure, two.hubspot.stored = None, False
    for stand, key in ((two.first, named()), (two.second, named()), (Stand(beside=two.first), BY_ID)):
        answer = stand.reader.read(View.INFO, key, Mode.REFRESH)
        assert (answer.tier, version_of(answer)) == ("hubspot", 2)


def test_what_the_other_refreshed_lately_is_not_read_by_a_look_from_before(two: Two) -> None:
    looking, let = threading.Event(), threading.Event()

    def hold() -> None:
        two.mongodb.before_answer = lambda: None
        looking.set()
        assert let.wait(60)

    two.mongodb.versions["Acme"] = 1
    two.hubspot.versions["Acme"] = 2
    two.mongodb.before_answer = hold
    before = two.pool.submit(two.second.reader.read, View.INFO, named())
    assert looking.wait(60)
    two.first.reader.read(View.INFO, named(), Mode.REFRESH)
    refreshed = two.pool.submit(two.second.reader.read, View.INFO, named(), Mode.REFRESH)
    assert version_of(refreshed.result(60)) == 2
    let.set()
    assert version_of(before.result(60)) == 1


def test_a_refresh_does_not_wait_for_a_mere_load(two: Two) -> None:
    leader = two.begin(two.first)
    refresh = two.begin(two.second, Mode.REFRESH)
    two.end(leader)
    assert refresh.result(60).tier == "hubspot"
    assert two.hubspot.loads == 2


# Batches


def read(stand: Stand, *names: str) -> BatchAnswer:
    return stand.reader.read_many([named(name) for name in names], BOTH)


def versions(answer: BatchAnswer) -> dict[str, int | None]:
    """For each answered name the version, None for an unknown deal."""
    assert answer.failures == {}
    bodies = {key.value: values[View.INFO].entry.body for key, values in answer.values.items()}
    return {name: orjson.loads(body)["version"] if body else None for name, body in bodies.items()}


def test_each_process_loads_what_the_other_is_not_at(two: Two) -> None:
    leader = two.begin_batch(two.first, "a", "b")
    other = two.begin_batch(two.second, "b", "c", "d")
    two.end(leader)
    assert two.second.waiting_elsewhere.acquire(timeout=60)
    two.second.look.release()
    assert versions(leader.result(60)) == {"a": 1, "b": 2}
    assert versions(other.result(60)) == {"b": 2, "c": 3, "d": 4}
    assert two.hubspot.batches == [["a", "b"], ["c", "d"]]
    two.mongodb.versions.clear()
    assert {value.tier for value in read(two.second, "b").values[named("b")].values()} == {"memory"}


def test_a_batch_waits_for_a_single_load_and_a_single_load_for_a_batch(two: Two) -> None:
    two.hubspot.let.clear()
    single = two.pool.submit(two.first.reader.read, View.TIMELINE, named("a"))
    assert two.hubspot.entered.acquire(timeout=60)
    batch = two.begin_batch(two.second, "a", "b")
    late = two.pool.submit(two.first.reader.read, View.INFO, named("b"))
    assert two.first.waiting_elsewhere.acquire(timeout=60)
    two.end(single)
    assert two.second.waiting_elsewhere.acquire(timeout=60)
    two.second.look.release()
    assert versions(batch.result(60)) == {"a": 1, "b": 2}
    two.first.look.release()
    assert version_of(late.result(60)) == 2
    assert two.hubspot.batches == [["a"], ["b"]]


def test_of_two_that_come_at_once_one_gets_everything(two: Two) -> None:
    leases = two.first.leases
    got = {"name:a": acquire_one(leases, "name:a", "another process", LEASE)}
    two.second.give_way = lambda: got.update(leases.acquire({"name:b": 0, "name:c": 0}, "another process", LEASE))
    other = two.join_batch(two.second, "c", "b", "a")
    assert all(lease.mine for lease in got.values())
    two.mongodb.versions |= {"a": 1, "b": 2, "c": 3}
    for lease in got.values():
        release_one(leases, lease, LoadEnd.LOADED)
    two.second.look.release()
    assert versions(other.result(60)) == {"a": 1, "b": 2, "c": 3}
    assert two.hubspot.batches == []


def test_a_failure_in_a_batch_is_shared_with_those_who_wait_for_it_and_not_remembered(two: Two) -> None:
    two.hubspot.failing["a"] = RateLimited("slowly", retry_after=7)
    leader = two.begin_batch(two.first, "a", "b")
    waiter = two.join_batch(two.second, "a", "b")
    two.end(leader, two.second)
    for one in (leader, waiter):
        failure = one.result(60).failures[named("a")]
        assert isinstance(failure, RateLimited)
        assert failure.retry_after == 7
        assert set(one.result(60).values) == {named("b")}
    two.hubspot.failing.clear()
    assert versions(read(two.second, "a")) == {"a": 1}
    assert two.hubspot.batches == [["a", "b"], ["a"]]


def test_what_a_dead_process_was_at_is_loaded_when_its_lease_has_run_out(two: Two) -> None:
    acquire_one(two.first.leases, "name:a", "dead", LEASE)
    waiter = two.pool.submit(read, two.second, "a", "b")
    assert two.second.waiting_elsewhere.acquire(timeout=60)
    two.clock.tick(LEASE.total_seconds())
    two.second.look.release()
    assert versions(waiter.result(60)) == {"a": 1, "b": 2}
    assert two.hubspot.batches == [["b"], ["a"]]


def test_nobody_waits_longer_than_the_bound_and_only_what_was_waited_for_fails() -> None:
    stand = Stand(wait_seconds=0.0)
    stand.hubspot.versions |= {"a": 1, "b": 2}
    acquire_one(stand.leases, "name:a", "slow", LEASE)
    answer = read(stand, "a", "b")
    assert isinstance(answer.failures[named("a")], FlightTimeoutError)
    assert set(answer.values) == {named("b")}


def test_what_is_in_mongodb_no_more_is_loaded_at_once(two: Two) -> None:
    leader = two.begin_batch(two.first, "a", "b")
    waiter = two.join_batch(two.second, "a", "b")
    two.hubspot.let.set()
    leader.result(60)
    del two.mongodb.versions["a"]
    two.second.look.release()
    assert versions(waiter.result(60)) == {"a": 1, "b": 2}
    assert two.hubspot.batches == [["a", "b"], ["a"]]


def test_a_failure_that_only_another_release_can_tell_is_no_answer(two: Two) -> None:
    held = acquire_one(two.first.leases, "name:a", "other release", LEASE)
    waiter = two.join_batch(two.second, "a")
    release_one(two.first.leases, held, LoadEnd.FAILED, {"cause": "?"})
    two.second.look.release()
    assert versions(waiter.result(60)) == {"a": 1}


def test_a_process_with_too_many_loads_waits_for_others_all_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        two = Two(pool, loads=0)
        leader = two.begin_batch(two.first, "a")
        waiter = two.join_batch(two.second, "a", "b")
        two.end(leader, two.second)
        answer = waiter.result(60)
        assert isinstance(answer.failures[named("b")], BulkheadFullError)
        assert set(answer.values) == {named("a")}
        # Nobody waits for what was given up.
        assert versions(read(two.first, "b")) == {"b": 2}


@pytest.mark.parametrize("when", ["before", "while waiting"])
def test_without_mongodb_each_process_loads_for_itself(two: Two, when: str) -> None:
    if when == "before":
        two.first.leases.failure = StoreUnavailable("down")
        assert versions(read(two.second, "a", "b")) == {"a": 1, "b": 2}
    else:
        acquire_one(two.first.leases, "name:a", "other", LEASE)
        waiter = two.join_batch(two.second, "a")
        two.first.leases.failure = StoreUnavailable("down")
        two.second.look.release()
        assert versions(waiter.result(60)) == {"a": 1}


def test_a_batch_that_fails_by_our_own_fault_holds_no_lease(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_how: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(two.hubspot, "load", broken)
        with pytest.raises(ZeroDivisionError):
            read(two.first, "a", "b")
    assert versions(read(two.second, "a", "b")) == {"a": 1, "b": 2}


def test_what_has_come_into_mongodb_before_the_lease_was_had_is_not_loaded(two: Two) -> None:
    acquire = two.first.leases.acquire

    def late(*args, **kwargs):
        two.mongodb.versions["a"] = 8  # by a load that ended just now
        return acquire(*args, **kwargs)

    two.first.leases.acquire = late  # type: ignore[method-assign]
    two.hubspot.versions["A"] = 9
    assert versions(read(two.second, "a", "A", "b")) == {"a": 8, "A": 9, "b": 2}
    assert two.hubspot.batches == [["A", "b"]]


def test_all_names_that_failed_tell_so(two: Two) -> None:
    two.hubspot.failure = Unavailable("down")
    read(two.first, "a", "b")
    assert [look_at(two.first.leases, f"name:{name}").end for name in "ab"] == [LoadEnd.FAILED] * 2  # type: ignore[union-attr]


def test_a_batch_is_loaded_whose_first_lease_cannot_be_read(two: Two) -> None:
    acquire = two.first.leases.acquire

    def acquire_readable(*args: Any, **kwargs: Any) -> dict[str, LoadLease]:
        return {name: lease for name, lease in acquire(*args, **kwargs).items() if name != "name:a"}

    two.first.leases.acquire = acquire_readable  # type: ignore[method-assign]
    two.hubspot.let.set()
    assert versions(read(two.first, "a", "b")) == {"a": 1, "b": 2}
