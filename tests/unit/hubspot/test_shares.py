from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.shares import later_of, occupied_until, slots_of_one

PERIOD = 10.0


def test_of_what_is_free_each_worker_has_an_equal_part_at_once():
    assert slots_of_one(100.0, 8, [], PERIOD, 4) == []
    assert slots_of_one(100.0, 8, [103.0, 104.0], PERIOD, 4) == [104.0]


def test_of_what_frees_each_worker_has_every_nth():
    frees = [101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0, 108.0]
    assert slots_of_one(100.0, 8, frees, PERIOD, 4) == [104.0, 108.0]
    assert slots_of_one(100.0, 9, frees, PERIOD, 4) == [103.0, 107.0]


def test_a_lone_worker_has_all():
    frees = [101.0, 102.0, 103.0]
    assert slots_of_one(100.0, 3, frees, PERIOD, 1) == frees
    assert slots_of_one(100.0, 5, frees, PERIOD, 1) == frees


def test_what_has_become_free_since_was_taken_by_another():
    assert slots_of_one(104.0, 2, [103.0, 105.0], PERIOD, 1) == [105.0, 113.0]
    assert slots_of_one(150.0, 2, [103.0, 105.0], PERIOD, 1) == [153.0, 155.0]


def test_a_slot_that_frees_this_very_moment_was_taken_too():
    assert slots_of_one(103.0, 1, [103.0], PERIOD, 1) == [113.0]


def test_calls_above_the_limit_must_be_over_before_any_slot_is_free():
    assert slots_of_one(100.0, 2, [101.0, 102.0, 103.0, 104.0], PERIOD, 1) == [103.0, 104.0]


def test_more_workers_than_slots_have_one_each_later():
    assert slots_of_one(100.0, 5, [], PERIOD, 8) == [110.0]
    assert slots_of_one(100.0, 5, [101.0, 102.0, 103.0, 104.0, 105.0], PERIOD, 5) == [105.0]
    assert slots_of_one(100.0, 5, [101.0, 102.0, 103.0, 104.0, 105.0], PERIOD, 6) == [111.0]


def test_slots_that_have_freed_since_are_occupied_by_those_who_have_come_since():
    frees = [101.0, 102.0, 103.0]
    assert occupied_until(100.5, 3, frees, PERIOD) == [101.0, 102.0, 103.0]
    assert occupied_until(101.5, 2, frees, PERIOD) == [102.0, 103.0]
    assert occupied_until(101.5, 4, frees, PERIOD) == [102.0, 103.0, 111.5, 111.5]
    assert occupied_until(150.0, 1, frees, PERIOD) == [160.0]


def test_slots_that_free_sooner_than_was_said_are_the_first():
    frees = [101.0, 102.0, 103.0]
    assert occupied_until(100.5, 1, frees, PERIOD) == [103.0]
    assert occupied_until(100.5, 0, frees, PERIOD) == []


def test_a_slot_that_must_be_free_by_two_lists_is_free_by_the_later():
    assert later_of([1.0, 5.0], [2.0, 3.0]) == [2.0, 5.0]
    assert later_of([4.0], [1.0, 2.0]) == [1.0, 4.0]
    assert later_of([1.0, 2.0], []) == [1.0, 2.0]


@given(
    st.integers(1, 30),
    st.integers(1, 6),
    st.lists(st.floats(0.001, PERIOD), max_size=30),
)
def test_all_workers_together_never_have_more_slots_than_there_are(limit, workers, moments):
    """At each moment of the first period: what is still occupied, and all the slots that the workers have by then."""
    frees = sorted(moments)[:limit]
    share = max(1, limit // workers)
    later = slots_of_one(0.0, limit, frees, PERIOD, workers)
    assert later == sorted(later)
    assert len(later) <= share
    for at in [0.0, *frees]:
        occupied = sum(moment > at for moment in frees)
        of_one = share - sum(moment > at for moment in later)
        assert occupied + workers * of_one <= limit
