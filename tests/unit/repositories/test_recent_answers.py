"""Answers that count for a while."""

from __future__ import annotations

import pytest

from dealcache.repositories.recent_answers import RecentAnswers
from tests.clocks import ManualClock


def test_an_answer_counts_until_its_time_is_over():
    clock, asked = ManualClock(), iter([False, True])
    answers = RecentAnswers[str, bool](60.0, clock)
    assert answers.get("arrays", lambda: next(asked)) is False
    clock.tick(59.9)
    assert answers.get("arrays", lambda: next(asked)) is False
    clock.tick(0.1)
    assert answers.get("arrays", lambda: next(asked)) is True


def test_what_was_found_in_another_way_replaces_the_answer():
    answers = RecentAnswers[str, bool](60.0, ManualClock())
    answers.get("arrays", lambda: False)
    answers.remember("arrays", True)
    assert answers.get("arrays", lambda: False) is True


def test_a_failure_is_no_answer():
    answers = RecentAnswers[str, bool](60.0, ManualClock())
    with pytest.raises(ZeroDivisionError):
        answers.get("arrays", lambda: bool(1 / 0))
    assert answers.get("arrays", lambda: True) is True
