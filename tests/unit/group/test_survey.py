"""Asking others: who is waited for, for how long, and what becomes of those who do not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from dealcache.figures import MOST_KEYS, Columns, Figures
from dealcache.group.figures_message import decode, encode
from dealcache.group.survey import PATIENCE_SECONDS, Survey
from dealcache.repositories import StoreUnavailable
from dealcache.tiers import Listing, Usage
from dealcache.workers import Worker
from tests.clocks import ManualClock

BOB = Worker("web-2-1-b", "web-2", 1, answers=True)
CIM = Worker("web-2-2-c", "web-2", 2, answers=True)
COMMAND = Worker("web-2-3-d", "web-2", 3)


def figures(reads: int, *keys: str) -> Figures:
    listing = [Listing(key, 1.0, 2.0, 3, 4) for key in keys]
    return Figures({"memory": reads}, 0, Usage(len(keys), 3 * len(keys), 100, 0), Columns.of(listing))


class Presence:
    """Knows whom the test says."""

    owner = "web-1-1-a"

    def __init__(self, *others: Worker) -> None:
        self.others = others
        self.down = False
        self.is_sure = True

    def look(self) -> tuple[Worker, ...]:
        if self.down:
            raise StoreUnavailable("down")
        return self.others


class Exchange:
    """Has the answers that the test says, each from some moment on."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.began = clock()
        self.asked: list[str] = []
        self.ready: dict[str, tuple[float, bytes]] = {}
        self.questions: list[str] = []
        self.given: list[tuple[str, str, bytes]] = []
        self.forgotten: list[str] = []
        self.down_after = float("inf")
        self.can_forget = True

    def _check(self) -> None:
        if self.clock() - self.began >= self.down_after:
            raise StoreUnavailable("down")

    def ask(self, question: str, owners: Iterable[str]) -> None:
        self._check()
        self.asked += owners

    def answers(self, _question: str, known: Iterable[str]) -> dict[str, bytes]:
        self._check()
        past = self.clock() - self.began
        return {owner: body for owner, (at, body) in self.ready.items() if at <= past and owner not in set(known)}

    def forget(self, question: str) -> None:
        if not self.can_forget:
            raise StoreUnavailable("down")
        self.forgotten.append(question)

    def take(self, owner: str) -> str | None:
        assert owner == Presence.owner
        return self.questions.pop() if self.questions else None

    def answer(self, question: str, owner: str, body: bytes) -> None:
        self.given.append((question, owner, body))


class Bell:
    def __init__(self) -> None:
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1


class Stand:
    """A survey with everything around it; one second is one second of the clock."""

    def __init__(self, *others: Worker, own: Callable[[], Figures] = lambda: figures(1, "info:A")) -> None:
        self.clock = ManualClock()
        self.presence = Presence(*others)
        self.exchange = Exchange(self.clock)
        self.bell = Bell()
        self.survey = Survey(self.exchange, self.presence, self.bell, own, self.clock, self.clock.tick)

    def everywhere(self):
        self.started = self.clock()
        return self.survey.everywhere("", 100)

    @property
    def took(self) -> float:
        return self.clock() - self.started


@pytest.mark.parametrize("others", [(), (COMMAND,)], ids=["alone", "beside a command"])
def test_who_is_alone_asks_nobody_and_waits_for_nobody(others):
    stand = Stand(*others)
    told = stand.everywhere()
    assert (told.workers, told.complete, told.missing) == (1, True, [])
    assert (stand.took, stand.exchange.asked, stand.bell.rung) == (0, [], 0)


def test_all_who_answer_are_added_up_and_nobody_is_waited_for_longer_than_it_takes():
    stand = Stand(BOB, CIM, COMMAND)
    stand.exchange.ready = {
        BOB.owner: (0.1, encode(figures(10, "info:A", "info:B"))),
        CIM.owner: (0.3, encode(figures(100))),
    }
    told = stand.everywhere()
    assert (told.by_tier, told.total, told.workers) == ({"memory": 111}, 2, 3)
    assert (told.complete, told.missing) == (True, [])
    assert stand.exchange.asked == [BOB.owner, CIM.owner]
    assert stand.bell.rung == 1
    assert 0.3 <= stand.took < 0.35
    assert len(stand.exchange.forgotten) == 1


def test_who_does_not_answer_in_time_is_named():
    stand = Stand(BOB, CIM)
    stand.exchange.ready = {BOB.owner: (0.1, encode(figures(10)))}
    told = stand.everywhere()
    assert (told.by_tier, told.workers) == ({"memory": 11}, 2)
    assert (told.complete, told.missing) == (False, [CIM.shown])
    assert PATIENCE_SECONDS <= stand.took < PATIENCE_SECONDS + 0.05
    assert len(stand.exchange.forgotten) == 1


def test_an_answer_that_cannot_be_read_is_not_waited_for(caplog):
    stand = Stand(BOB, CIM)
    stand.exchange.ready = {BOB.owner: (0.0, b"junk"), CIM.owner: (0.2, encode(figures(10)))}
    told = stand.everywhere()
    assert (told.by_tier, told.missing) == ({"memory": 11}, [BOB.shown])
    assert stand.took < 0.25
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_without_mongodb_this_worker_tells_alone_and_names_those_it_knew_of():
    stand = Stand(BOB, COMMAND)
    stand.presence.down = True
    told = stand.everywhere()
    assert (told.by_tier, told.workers, told.complete) == ({"memory": 1}, 1, False)
    assert told.missing == [BOB.shown]
    assert stand.took == 0


def test_who_is_not_sure_of_the_others_says_so():
    stand = Stand()
    stand.presence.is_sure = False
    told = stand.everywhere()
    assert (told.workers, told.missing, told.complete) == (1, [], False)


@pytest.mark.parametrize(("down_after", "reads", "missing"), [(0.0, 1, [BOB, CIM]), (0.2, 11, [CIM])])
def test_when_mongodb_fails_meanwhile_what_has_come_counts(down_after, reads, missing):
    stand = Stand(BOB, CIM)
    stand.exchange.ready = {BOB.owner: (0.1, encode(figures(10)))}
    stand.exchange.down_after = down_after
    told = stand.everywhere()
    assert told.by_tier == {"memory": reads}
    assert (told.complete, told.missing) == (False, [one.shown for one in missing])


def test_a_failure_to_tidy_up_takes_nothing_away():
    stand = Stand(BOB)
    stand.exchange.ready = {BOB.owner: (0.0, encode(figures(10)))}
    stand.exchange.can_forget = False
    told = stand.everywhere()
    assert (told.by_tier, told.complete) == ({"memory": 11}, True)


def test_this_worker_alone_asks_nobody():
    stand = Stand(BOB)
    told = stand.survey.here("", 100)
    assert (told.by_tier, told.workers, told.complete) == ({"memory": 1}, 1, True)
    assert stand.exchange.asked == []


def test_every_question_is_answered_with_what_is_held_then():
    reads = iter(range(1, 10))
    stand = Stand(own=lambda: figures(next(reads), "info:A"))
    stand.exchange.questions = ["second", "first"]
    stand.survey.answer()
    assert [(question, decode(body)) for question, _, body in stand.exchange.given] == [
        ("first", figures(1, "info:A")),
        ("second", figures(2, "info:A")),
    ]
    assert {owner for _, owner, _ in stand.exchange.given} == {Presence.owner}


def test_an_answer_has_so_many_keys_and_no_more():
    stand = Stand(own=lambda: figures(1, *(f"info:{number}" for number in range(MOST_KEYS + 7))))
    stand.exchange.questions = ["one"]
    stand.survey.answer()
    told = decode(stand.exchange.given[0][2])
    assert (len(told.columns.keys), told.untold) == (MOST_KEYS, 7)
