"""When statistics are published, and what becomes of those of other workers."""

from __future__ import annotations

import pytest

from dealcache.cluster import ClusterStatistics
from dealcache.cluster.paging import Page
from dealcache.cluster.statistics import Statistics, decode, encode
from dealcache.model.invalidation import Selection
from dealcache.model.workers import Worker
from dealcache.repositories import StoreUnavailable
from dealcache.tiers import Columns, Usage
from tests.clocks import ManualClock

BOB = Worker("web-2-1-b", "web-2", 1, has_cache=True)
CIM = Worker("web-2-2-c", "web-2", 2, has_cache=True)
COMMAND = Worker("web-2-3-d", "web-2", 3)


def statistics(reads: int, *keys: str, generation: int = 0) -> Statistics:
    count = len(keys)
    columns = Columns(list(keys), [None] * count, [1.0] * count, [2.0] * count, [3] * count, [4] * count)
    return Statistics({"memory": reads}, 0, Usage(count, 3 * count, 100, 0), generation, [columns])


class Membership:
    owner = "web-1-1-a"

    def __init__(self, *others: Worker) -> None:
        self.others = others
        self.down = False
        self.is_sure = True

    def find_others(self) -> tuple[Worker, ...]:
        if self.down:
            raise StoreUnavailable("down")
        return self.others


class Registry:
    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.messages: dict[str, bytes] = {}
        self.down = False

    def publish_statistics(self, owner: str, message: bytes) -> None:
        if self.down:
            raise StoreUnavailable("down")
        self.published.append((owner, message))

    def statistics(self, owners: list[str]) -> dict[str, bytes]:
        if self.down:
            raise StoreUnavailable("down")
        return {owner: message for owner, message in self.messages.items() if owner in owners}


class Stand:
    def __init__(self, *others: Worker) -> None:
        self.clock, self.cpu = ManualClock(), ManualClock(0.0)
        self.membership, self.registry = Membership(*others), Registry()
        self.own = statistics(1, "info:A")
        self.cost = 0.0
        self.cleared: dict[int, Selection] = {}
        self.statistics = ClusterStatistics(
            self.registry,
            self.membership,
            self._own,
            lambda one: self.cleared.get(one, Selection()),
            self.clock,
            self.cpu,
        )

    def _own(self) -> Statistics:
        self.cpu.tick(self.cost)
        return self.own

    def _cleared_since(self, generation: int) -> Selection:
        return self.cleared.get(generation, Selection())

    def publish(self, after: float = 2.0) -> int:
        """Publish after some seconds; return how often that was done so far."""
        self.clock.tick(after)
        self.statistics.publish()
        return len(self.registry.published)

    def everywhere(self):
        return self.statistics.everywhere(Page("", 100))


@pytest.mark.parametrize("others", [(), (COMMAND,)], ids=["alone", "beside a command"])
def test_nothing_is_published_while_nobody_would_read_it(others):
    stand = Stand(*others)
    assert stand.publish() == 0
    stand.membership.others = (BOB,)
    assert stand.publish() == 1
    assert stand.registry.published[0][0] == Membership.owner
    assert decode(stand.registry.published[0][1]) == stand.own


def test_statistics_are_published_when_they_changed_and_now_and_then():
    stand = Stand(BOB)
    assert [stand.publish(), stand.publish()] == [1, 1]
    stand.own = statistics(2, "info:A")
    assert stand.publish() == 2
    stand.own = statistics(2, "info:A", generation=1)
    assert [stand.publish(), stand.publish()] == [3, 3]
    assert stand.publish(30) == 4


def test_statistics_that_could_not_be_published_are_published_later():
    stand = Stand(BOB)
    stand.registry.down = True
    with pytest.raises(StoreUnavailable):
        stand.publish()
    stand.registry.down = False
    assert stand.publish() == 1


def test_publishing_takes_a_hundredth_of_a_core_at_most():
    stand = Stand(BOB)
    stand.cost = 0.05
    for reads in range(10):
        stand.own = statistics(reads)
        stand.publish()
    assert [decode(message).by_tier["memory"] for _, message in stand.registry.published] == [0, 3, 6, 9]


@pytest.mark.parametrize("others", [(), (COMMAND,)], ids=["alone", "beside a command"])
def test_a_worker_without_others_knows_everything(others):
    told = Stand(*others).everywhere()
    assert (told.workers, told.complete, told.missing) == (1, True, [])


def test_what_all_published_is_added_to_its_own():
    stand = Stand(BOB, CIM, COMMAND)
    stand.registry.messages = {
        BOB.owner: encode(statistics(10, "info:A", "info:B")),
        CIM.owner: encode(statistics(100)),
    }
    told = stand.everywhere()
    assert (told.by_tier, told.total, told.workers) == ({"memory": 111}, 2, 3)
    assert (told.complete, told.missing) == (True, [])
    here = stand.statistics.here(Page("", 100))
    assert (here.by_tier, here.workers, here.complete) == ({"memory": 1}, 1, True)


def test_a_worker_that_published_nothing_is_named():
    stand = Stand(BOB, CIM)
    stand.registry.messages = {BOB.owner: encode(statistics(10))}
    told = stand.everywhere()
    assert (told.by_tier, told.workers) == ({"memory": 11}, 2)
    assert (told.complete, told.missing) == (False, [CIM.shown])


def test_statistics_that_cannot_be_read_are_missing(caplog):
    stand = Stand(BOB, CIM)
    stand.registry.messages = {BOB.owner: b"junk", CIM.owner: encode(statistics(10))}
    told = stand.everywhere()
    assert (told.by_tier, told.missing) == ({"memory": 11}, [BOB.shown])
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_what_was_cleared_after_a_worker_published_is_not_shown():
    stand = Stand(BOB, CIM)
    stand.registry.messages = {
        BOB.owner: encode(statistics(10, "info:B", "info:C", generation=4)),
        CIM.owner: encode(statistics(10, "info:C", generation=5)),
    }
    stand.cleared[4] = Selection.deals(names=["b"])
    assert sorted(row.key for row in stand.everywhere().rows) == ["info:A", "info:C"]


@pytest.mark.parametrize("which", ["membership", "registry"])
def test_without_mongodb_the_others_are_missing(which):
    stand = Stand(BOB, COMMAND)
    getattr(stand, which).down = True
    told = stand.everywhere()
    assert (told.by_tier, told.workers, told.complete) == ({"memory": 1}, 1, False)
    assert told.missing == [BOB.shown]


def test_a_worker_that_is_not_sure_of_the_others_says_so():
    stand = Stand()
    stand.membership.is_sure = False
    told = stand.everywhere()
    assert (told.workers, told.missing, told.complete) == (1, [], False)
