"""Signs of life at the right times, and who else gives them."""

from __future__ import annotations

import threading

import pytest

from dealcache.cluster import Membership
from dealcache.model.workers import Worker, this_worker
from dealcache.repositories import StoreUnavailable
from tests.clocks import ManualClock

ADA = Worker("web-1-1-a", "web-1", 1)
BOB = Worker("web-2-1-b", "web-2", 1, has_cache=True)


class Registry:
    """Keeps its documents in memory, and may be down."""

    def __init__(self) -> None:
        self.signs: list[Worker] = []
        self.there = {BOB.owner: BOB}
        self.down = False

    def sign(self, worker: Worker) -> None:
        self._check()
        self.signs.append(worker)
        self.there[worker.owner] = worker

    def leave(self, worker: Worker) -> None:
        self._check()
        del self.there[worker.owner]

    def live(self) -> list[Worker]:
        self._check()
        return list(self.there.values())

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("down")


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def counts() -> list[int]:
    return []


@pytest.fixture
def membership(registry: Registry, counts: list[int]) -> Membership:
    return Membership(registry, ADA, counts.append)


def test_before_the_first_look_a_process_is_alone(membership):
    assert membership.live_count() == 1
    assert membership.others == ()


def test_the_count_is_the_one_of_the_last_look_while_mongodb_is_away(membership, registry, counts):
    membership.renew()
    assert registry.signs == [ADA]
    assert membership.live_count() == 2
    registry.down = True
    with pytest.raises(StoreUnavailable):
        membership.renew()
    assert membership.live_count() == 2
    assert membership.others == (BOB,)
    registry.down = False
    del registry.there[BOB.owner]
    membership.renew()
    assert membership.live_count() == 1
    assert counts == [2, 1]


def test_a_process_that_gave_no_sign_counts_itself_all_the_same(membership):
    assert membership.find_others() == (BOB,)
    assert membership.live_count() == 2


def test_a_process_that_passes_for_dead_is_not_sure_of_the_others(membership, registry):
    membership.find_others()
    assert membership.is_sure  # it has given no sign yet
    membership.renew()
    assert membership.is_sure
    registry.there.clear()
    membership.find_others()
    assert not membership.is_sure
    registry.there[ADA.owner] = ADA
    membership.find_others()
    assert membership.is_sure


@pytest.mark.parametrize("has_cache", [False, True])
def test_a_started_member_gives_signs_publishes_if_it_has_a_cache_and_leaves(membership, registry, has_cache):
    published, signed = threading.Event(), threading.Event()
    sign = registry.sign
    registry.sign = lambda worker: (sign(worker), signed.set())
    membership.start(published.set if has_cache else None)
    assert (published if has_cache else signed).wait(60)
    membership.stop()
    assert [one.has_cache for one in registry.signs] == [has_cache]
    assert published.is_set() is has_cache
    assert list(registry.there) == [BOB.owner]


def test_a_report_goes_with_each_sign_of_life_and_one_that_fails_keeps_none_back(registry, counts):
    reports = iter([b"first", ZeroDivisionError(), b"third"])

    def report() -> bytes:
        one = next(reports)
        if isinstance(one, Exception):
            raise one
        return one

    membership = Membership(registry, ADA, counts.append)
    membership._report = report
    for _ in range(3):
        membership.renew()
    assert [one.report for one in registry.signs] == [b"first", b"", b"third"]


def test_it_is_known_how_long_ago_the_others_were_seen(registry, counts):
    clock = ManualClock()
    membership = Membership(registry, ADA, counts.append, clock)
    assert membership.age == float("inf")
    membership.find_others()
    clock.tick(3)
    registry.down = True
    with pytest.raises(StoreUnavailable):
        membership.find_others()
    assert (membership.age, membership.live) == (3, (BOB,))


def test_leaving_does_no_harm_when_mongodb_is_away(membership, registry):
    membership.renew()
    registry.down = True
    membership.stop()
    registry.down = False
    membership.stop()
    assert list(registry.there) == [BOB.owner]


def test_a_process_is_another_one_each_time_and_shown_by_host_and_pid():
    first, second = this_worker(), this_worker()
    assert first.owner != second.owner
    assert first.shown == second.shown == f"{first.host}-{first.pid}"
    assert first.owner.startswith(first.shown)
