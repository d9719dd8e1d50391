"""Questions are asked side by side, and none of them can hold up the others."""

from __future__ import annotations

import threading

import pytest

from dealcache.checks.facts import NO_ANSWER, gather
from dealcache.model.deadline import Deadline
from tests.clocks import ManualClock


class Expected(Exception):  # noqa: N818 - a stand-in for errors of dependencies
    pass


def failing() -> None:
    raise Expected("refused")


def test_answers_and_expected_errors_are_facts():
    facts = gather({"a": lambda: 1, "b": failing, "c": lambda: None}, Deadline(60), (Expected,))
    assert (facts["a"], facts["c"]) == (1, None)
    assert isinstance(facts["b"], Expected)


def test_questions_are_asked_at_the_same_time():
    barrier = threading.Barrier(3)
    facts = gather(dict.fromkeys("abc", barrier.wait), Deadline(60), ())
    assert sorted(facts.values()) == [0, 1, 2]


def test_a_question_that_hangs_is_left_to_itself():
    clock, hangs = ManualClock(0.0), threading.Event()
    deadline = Deadline(10, clock)

    def pass_the_time() -> str:
        clock.tick(11)
        return "in time"

    try:
        facts = gather({"hangs": hangs.wait, "answers": pass_the_time}, deadline, ())
        assert facts["hangs"] is NO_ANSWER
    finally:
        hangs.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_is_no_answer_and_reported():
    assert gather({"a": failing}, Deadline(60), ()) == {"a": NO_ANSWER}
