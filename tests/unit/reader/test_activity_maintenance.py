"""Sums of activities are made when somebody asks, looked after from then on, and given up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from dealcache.reader.activity_maintenance import ActivityMaintenance
from dealcache.repositories import ActivityCheck, ActivityGenerations, StoreUnavailable


class Repositories:
    """Answers as the two repositories would; notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.make: Callable[[], bool] = lambda: self._note("make", True)
        self.are_gone = self.is_checking = False

    def _note(self, what: str, answer: bool) -> bool:
        self.asked.append(what)
        return answer

    def give_up(self) -> bool:
        return self._note("give up", self.are_gone)

    def run_round(self) -> bool:
        return self._note("check", self.is_checking)


@pytest.fixture
def repositories() -> Repositories:
    return Repositories()


@pytest.fixture
def maintenance(repositories: Repositories) -> Iterator[ActivityMaintenance]:
    made = ActivityMaintenance(cast(ActivityGenerations, repositories), cast(ActivityCheck, repositories))
    yield made
    made.stop()


def test_who_asks_waits_until_the_sums_are_made(maintenance: ActivityMaintenance, repositories: Repositories) -> None:
    began, going_on, made = threading.Event(), threading.Event(), threading.Event()

    def make() -> bool:
        began.set()
        return going_on.wait(60)

    repositories.make = make
    asker = threading.Thread(target=lambda: (maintenance.make(60), made.set()))
    asker.start()
    assert began.wait(60)
    assert not made.is_set()
    going_on.set()
    asker.join(60)
    assert made.is_set()


def test_who_asks_waits_for_the_sums_that_another_process_makes(
    maintenance: ActivityMaintenance, repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dealcache.reader.activity_maintenance._WAITING", 0.001)
    answers = iter((False, False, True))
    repositories.make = lambda: next(answers)
    maintenance.make(60)
    assert next(answers, None) is None


def test_a_failure_ends_the_wait(maintenance: ActivityMaintenance, repositories: Repositories) -> None:
    def make() -> bool:
        raise StoreUnavailable("MongoDB does not answer")

    repositories.make = make
    started = threading.Event()
    asker = threading.Thread(target=lambda: (maintenance.make(600), started.set()))
    asker.start()
    asker.join(60)
    assert started.is_set()


@pytest.mark.parametrize(("is_checking", "pause"), [(False, 60.0), (True, 5.0)])
def test_sums_are_checked_from_time_to_time(
    maintenance: ActivityMaintenance, repositories: Repositories, is_checking: bool, pause: float
) -> None:
    repositories.is_checking = is_checking
    assert maintenance.run_round() == pause
    assert repositories.asked == ["give up", "check"]


def test_without_sums_there_is_nothing_to_do(maintenance: ActivityMaintenance, repositories: Repositories) -> None:
    repositories.are_gone = True
    assert maintenance.run_round() is None
    maintenance.resume()
    assert repositories.asked == ["give up"] * 2
    threads: list[Any] = [one for one in threading.enumerate() if one.name == "adding up activities"]
    assert threads == []
