"""The size of calls, after time-outs and after answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.batch_size import ANSWERS_BEFORE_MORE, BatchSize, BatchSizes
from dealcache.hubspot.errors import TimedOut


def answered(size: BatchSize, times: int) -> None:
    for _ in range(times):
        size.note_answer(size.size)


def test_each_time_out_halves_it_down_to_ten():
    size, sizes = BatchSize(1000), []
    while size.note_timeout(size.size):
        sizes.append(size.size)
    assert sizes == [500, 250, 125, 62, 31, 15, 10]
    assert size.size == 10


def test_ten_that_time_out_are_not_divided():
    size = BatchSize(100)
    assert not size.note_timeout(10)
    assert not size.note_timeout(3)
    assert size.size == 100


def test_calls_of_several_threads_that_time_out_together_halve_it_once():
    size = BatchSize(100)
    assert [size.note_timeout(100) for _ in range(5)] == [True] * 5
    assert size.size == 50


def test_a_call_for_less_than_the_size_that_times_out_counts_too():
    size = BatchSize(100)
    assert size.note_timeout(30)
    assert size.size == 15


def test_it_grows_again_after_answers_in_a_row():
    size = BatchSize(100)
    size.note_timeout(100)
    answered(size, 2 * ANSWERS_BEFORE_MORE - 1)
    assert size.size == 50
    answered(size, 1)
    assert size.size == 100


def test_answers_for_less_say_nothing_about_more():
    size = BatchSize(100)
    size.note_timeout(100)
    for _ in range(1000):
        size.note_answer(49)
    assert size.size == 50


def test_a_time_out_after_growing_makes_the_next_growth_slower_and_a_while_at_the_most_forgets_it():
    size = BatchSize(100)
    waits = []
    for _ in range(7):
        size.note_timeout(100)
        waits.append(0)
        while size.size < 100:
            size.note_answer(50)
            waits[-1] += 1
    assert waits == [16, 32, 64, 128, 256, 256, 256]
    answered(size, 256)
    size.note_timeout(100)
    answered(size, 16)
    assert size.size == 100


@given(st.integers(10, 1000), st.lists(st.tuples(st.booleans(), st.integers(1, 1000)), max_size=300))
def test_it_stays_within_its_bounds(most, events):
    size = BatchSize(most)
    for timed_out, asked in events:
        (size.note_timeout if timed_out else size.note_answer)(asked)
        assert min(10, most) <= size.size <= most


def test_what_came_too_late_is_asked_for_in_parts_and_each_kind_of_call_has_its_own_size():
    sizes, asked = BatchSizes(), []

    def late_at_first(part):
        asked.append(len(part))
        if len(asked) == 1:
            raise TimedOut("late")
        return part

    assert sizes.ask("notes batch_read", 100, range(100), late_at_first, lambda: None) == [range(50), range(50, 100)]
    assert asked == [100, 50, 50]
    assert sizes.ask_page("notes batch_read", 100, lambda limit: limit, lambda: None) == 50
    assert sizes.ask_page("calls batch_read", 100, lambda limit: limit, lambda: None) == 100


def test_a_call_that_failed_because_its_job_is_to_stop_changes_no_size():
    sizes = BatchSizes()

    def stop():
        raise InterruptedError

    def late(limit):
        raise TimedOut("late")

    with pytest.raises(InterruptedError):
        sizes.ask_page("notes list", 100, late, stop)
    assert sizes.ask_page("notes list", 100, lambda limit: limit, stop) == 100
