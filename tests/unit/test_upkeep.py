"""The chores of a process."""

from __future__ import annotations

import logging

import pytest

from dealcache.upkeep import Upkeep
from tests.clocks import ManualClock


class Down(Exception):  # noqa: N818 - short for the tests
    """The world's fault."""


class Chore:
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.done = 0

    def __call__(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.done += 1


def test_recurring_work_is_done_each_round_and_the_rest_once():
    sweep, index = Chore(), Chore()
    upkeep = Upkeep(sweep, {"indexes": index}, (Down,))
    for _ in range(3):
        upkeep.round()
    assert (sweep.done, index.done) == (3, 1)


def test_what_failed_is_tried_again_after_its_time(caplog):
    clock = ManualClock()
    index = Chore(Down("no server"), Down("no server"))
    upkeep = Upkeep(Chore(), {"indexes": index}, (Down,), retry_after=15, clock=clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            upkeep.round()
            clock.tick(5)
    assert (index.done, len(index.failures), len(caplog.records)) == (0, 0, 2)
    clock.tick(15)
    upkeep.round()
    assert index.done == 1


def test_a_chore_that_fails_does_not_keep_others_from_being_done():
    other = Chore()
    upkeep = Upkeep(Chore(), {"first": Chore(Down("no")), "second": other}, (Down,))
    upkeep.round()
    assert other.done == 1


def test_a_fault_of_our_own_is_not_taken_for_the_worlds():
    upkeep = Upkeep(Chore(), {"indexes": Chore(KeyError("bug"))}, (Down,))
    with pytest.raises(KeyError):
        upkeep.round()
