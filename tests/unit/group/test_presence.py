"""Signs of life at the right times, and who else gives them."""

from __future__ import annotations

import pytest

from dealcache.group.presence import SIGN_SECONDS, Presence
from dealcache.repositories import StoreUnavailable
from dealcache.workers import Worker, this_worker
from tests.clocks import ManualClock

ADA = Worker("web-1-1-a", "web-1", 1)
BOB = Worker("web-2-1-b", "web-2", 1, answers=True)


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
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def counts() -> list[int]:
    return []


@pytest.fixture
def presence(registry: Registry, clock: ManualClock, counts: list[int]) -> Presence:
    return Presence(registry, ADA, counts.append, clock)


def test_a_sign_is_given_at_once_and_then_every_few_seconds(presence, registry, clock):
    for _ in range(3):
        presence.keep()
    assert registry.signs == [ADA]
    clock.tick(SIGN_SECONDS)
    presence.keep()
    presence.keep()
    assert registry.signs == [ADA, ADA]


def test_a_sign_that_failed_is_due_still(presence, registry, clock):
    registry.down = True
    with pytest.raises(StoreUnavailable):
        presence.keep()
    registry.down = False
    presence.keep()
    assert registry.signs == [ADA]


def test_who_has_not_looked_yet_is_alone(presence):
    assert presence.live_count() == 1
    assert presence.others == ()


def test_the_count_is_the_one_of_the_last_look_while_mongodb_is_away(presence, registry, clock, counts):
    presence.keep()
    assert presence.live_count() == 2
    registry.down = True
    clock.tick(60)
    with pytest.raises(StoreUnavailable):
        presence.keep()
    assert presence.live_count() == 2
    assert presence.others == (BOB,)
    registry.down = False
    del registry.there[BOB.owner]
    presence.keep()
    assert presence.live_count() == 1
    assert counts == [2, 1]


def test_who_is_not_registered_counts_itself_all_the_same(presence):
    assert presence.look() == (BOB,)
    assert presence.live_count() == 2


def test_whoever_passes_for_dead_is_not_sure_of_the_others(presence, registry):
    presence.look()
    assert presence.is_sure  # it has given no sign yet, as a command that asks nobody does not
    presence.keep()
    assert presence.is_sure
    registry.there.clear()
    presence.look()
    assert not presence.is_sure
    registry.there[ADA.owner] = ADA
    presence.look()
    assert presence.is_sure


def test_whoever_answers_questions_says_so_in_the_next_sign(presence, registry, clock):
    presence.keep()
    presence.answers_questions()
    clock.tick(SIGN_SECONDS)
    presence.keep()
    assert [one.answers for one in registry.signs] == [False, True]
    assert presence.owner == ADA.owner


def test_leaving_does_no_harm_when_mongodb_is_away(presence, registry):
    presence.keep()
    registry.down = True
    presence.leave()
    registry.down = False
    presence.leave()
    assert list(registry.there) == [BOB.owner]


def test_a_process_is_another_one_each_time_and_shown_by_host_and_pid():
    first, second = this_worker(), this_worker()
    assert first.owner != second.owner
    assert first.shown == second.shown == f"{first.host}-{first.pid}"
    assert first.owner.startswith(first.shown)
