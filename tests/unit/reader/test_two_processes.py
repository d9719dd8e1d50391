"""Two processes that share MongoDB and HubSpot: what one of them fetches, the other does not fetch as well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dealcache.deals import DealKey
from dealcache.hubspot import RateLimited
from dealcache.reader import Answer, FlightTimeoutError, Mode
from dealcache.reader.heartbeat import LEASE
from dealcache.tiers import Selection, View
from tests.unit.reader.stands import Stand, named, version_of

BY_ID = DealKey("id", "id-Acme")


class Two:
    """The processes, and threads that read through them."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.first = Stand()
        self.second = Stand(beside=self.first)
        self.hubspot, self.mongodb, self.clock = self.first.hubspot, self.first.mongodb, self.first.clock
        self.hubspot.versions["Acme"] = 1

    def begin(self, stand: Stand, mode: Mode = Mode.DEFAULT, key: DealKey | None = None) -> Future[Answer]:
        """Let one process ask HubSpot, which does not answer until :meth:`end`."""
        self.hubspot.let.clear()
        asked = self.pool.submit(stand.reader.read, View.INFO, key or named(), mode)
        assert self.hubspot.entered.acquire(timeout=10)
        return asked

    def join(self, stand: Stand, mode: Mode = Mode.DEFAULT, key: DealKey | None = None) -> Future[Answer]:
        """Let one process find out that the other is at it."""
        asked = self.pool.submit(stand.reader.read, View.INFO, key or named(), mode)
        assert stand.waiting_elsewhere.acquire(timeout=10)
        return asked

    def end(self, leader: Future[Answer], *waiters: Stand) -> None:
        """Let HubSpot answer, and those who wait elsewhere look after that."""
        self.hubspot.let.set()
        leader.exception(10)
        for stand in waiters:
            stand.look.release()


@pytest.fixture
def two() -> Iterator[Two]:
    with ThreadPoolExecutor(8) as pool:
        yield Two(pool)


def test_a_cold_deal_is_loaded_by_one_and_both_have_it(two: Two) -> None:
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(10)) == version_of(leader.result(10)) == 1
    assert two.hubspot.loads == 1
    two.mongodb.versions.clear()
    assert all(two.second.reader.read(view, named()).tier == "memory" for view in View)


def test_those_who_wait_in_one_process_wait_for_the_other_together(two: Two) -> None:
    leader = two.begin(two.first)
    waiters = [two.join(two.second)]
    waiters += [two.pool.submit(two.second.reader.read, View.TIMELINE, named()) for _ in range(5)]
    for _ in range(5):
        assert two.second.waiting.acquire(timeout=10)
    two.end(leader, two.second)
    assert {version_of(one.result(10)) for one in waiters} == {1}
    assert two.hubspot.loads == 1


def test_names_in_another_case_wait_for_each_other_and_get_each_their_own(two: Two) -> None:
    two.hubspot.versions["ACME"] = 2
    leader = two.begin(two.first)
    waiter = two.join(two.second, key=named("ACME"))
    two.mongodb.versions["ACME"] = 5
    two.end(leader, two.second)
    assert (version_of(leader.result(10)), version_of(waiter.result(10))) == (1, 5)


def test_that_there_is_no_such_deal_is_shared_and_remembered_by_both(two: Two) -> None:
    two.hubspot.versions.clear()
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert (leader.result(10).entry.status, waiter.result(10).entry.status) == (404, 404)
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
            one.result(10)
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
        assert version_of(waiter.result(10)) == 1


def test_a_process_that_dies_is_followed_by_the_next(two: Two) -> None:
    two.first.leases.acquire("name:acme", "dead", LEASE)
    waiter = two.join(two.second)
    two.clock.tick(LEASE.total_seconds())
    two.second.look.release()
    assert version_of(waiter.result(10)) == 1
    assert two.hubspot.deadlines != [None]


def test_nobody_waits_longer_than_the_bound() -> None:
    stand = Stand(wait_seconds=0.0)
    stand.leases.acquire("name:acme", "slow", LEASE)
    with pytest.raises(FlightTimeoutError):
        stand.reader.read(View.INFO, named())
    assert stand.hubspot.loads == 0


def test_what_could_not_be_stored_is_loaded_by_each(two: Two) -> None:
    two.hubspot.stored = False
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(10)) == 1
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
    assert (version_of(leader.result(10)), version_of(after.result(10))) == (1, 2)


def test_who_asks_after_a_clear_waits_for_a_load_from_after_it(two: Two) -> None:
    for stand in (two.first, two.second):
        stand.reader.invalidate(Selection.all())
    leader = two.begin(two.first)
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(10)) == 1
    assert two.hubspot.loads == 1


def test_who_asks_after_another_deal_was_cleared_waits(two: Two) -> None:
    leader = two.begin(two.first)
    two.second.reader.invalidate(Selection.deals(ids=["id-Other"], names=["Other"]))
    waiter = two.join(two.second)
    two.end(leader, two.second)
    assert version_of(waiter.result(10)) == 1
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
        assert (one.result(10).tier, version_of(one.result(10))) == ("hubspot", 2)
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
    assert waiter.result(10).entry.status == 404
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
        assert let.wait(10)

    two.mongodb.versions["Acme"] = 1
    two.hubspot.versions["Acme"] = 2
    two.mongodb.before_answer = hold
    before = two.pool.submit(two.second.reader.read, View.INFO, named())
    assert looking.wait(10)
    two.first.reader.read(View.INFO, named(), Mode.REFRESH)
    refreshed = two.pool.submit(two.second.reader.read, View.INFO, named(), Mode.REFRESH)
    assert version_of(refreshed.result(10)) == 2
    let.set()
    assert version_of(before.result(10)) == 1


def test_a_refresh_does_not_wait_for_a_mere_load(two: Two) -> None:
    leader = two.begin(two.first)
    refresh = two.begin(two.second, Mode.REFRESH)
    two.end(leader)
    assert refresh.result(10).tier == "hubspot"
    assert two.hubspot.loads == 2
