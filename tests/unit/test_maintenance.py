"""The maintenance of a process."""

from __future__ import annotations

import logging

from dealcache.background import Maintenance
from tests.clocks import ManualClock


class Down(Exception):  # noqa: N818 - short for the tests
    """The world's fault."""


class Task:
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.done = 0

    def __call__(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.done += 1


def test_recurring_work_is_done_each_round_and_the_rest_once():
    sweep, index = Task(), Task()
    maintenance = Maintenance({"sweep": sweep}, {"indexes": index}, (Down,))
    for _ in range(3):
        maintenance.run_round()
    assert (sweep.done, index.done) == (3, 1)


def test_what_failed_is_tried_again_after_its_time(caplog):
    clock = ManualClock()
    index = Task(Down("no server"), Down("no server"))
    maintenance = Maintenance({}, {"indexes": index}, (Down,), clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            maintenance.run_round()
            clock.tick(5)
    assert (index.done, len(index.failures), len(caplog.records)) == (0, 0, 1)
    clock.tick(15)
    maintenance.run_round()
    assert index.done == 1


def test_a_task_that_fails_does_not_keep_others_from_being_done():
    other = Task()
    maintenance = Maintenance({}, {"first": Task(Down("no")), "second": other}, (Down,))
    maintenance.run_round()
    assert other.done == 1


def test_recurring_work_that_fails_is_told_once_and_keeps_nothing_else_from_being_done(caplog):
    first, second, third = Task(*[Down(f"no {number}") for number in range(3)], KeyError("bug")), Task(), Task()
    maintenance = Maintenance({"first": first, "second": second}, {"third": third}, (Down,))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            maintenance.run_round()
    assert (second.done, third.done, len(caplog.records)) == (3, 1, 1)
    maintenance.run_round()
    assert (second.done, [one.levelname for one in caplog.records]) == (4, ["WARNING", "ERROR"])


def test_what_fails_because_all_is_closed_at_the_end_is_no_failure(caplog):
    second = Task()

    def closed() -> None:
        maintenance.stop()
        raise Down("closed")

    maintenance = Maintenance({}, {"first": closed, "second": second}, (Down,))
    with caplog.at_level(logging.INFO):
        maintenance.run_round()
    assert (second.done, caplog.records) == (0, [])


def test_a_fault_of_our_own_is_not_taken_for_the_worlds(caplog):
    index = Task(KeyError("bug"))
    maintenance = Maintenance({}, {"indexes": index}, (Down,), clock := ManualClock())
    maintenance.run_round()
    assert [(one.levelname, one.exc_info is not None) for one in caplog.records] == [("ERROR", True)]
    clock.tick(15)
    maintenance.run_round()
    assert index.done == 1
