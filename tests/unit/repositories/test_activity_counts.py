"""Sums of activities change by the differences of single deals, for any deals."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from dealcache.repositories.activity_sums.cells import (
    ALL,
    CellKey,
    by_cell,
    changed,
    series_in,
    series_of_type,
    stored_owner,
)
from dealcache.repositories.activity_sums.counts import (
    NOTHING,
    OTHER_TYPE,
    Activity,
    DealCounts,
    counted_type,
    difference,
    pack_change,
    pack_counts,
    stage_ids,
    stage_text,
    unpack_change,
    unpack_counts,
)
from dealcache.repositories.activity_sums.deal_counter import key_batches

STAGES = st.builds(stage_text, st.sampled_from(["default", "*", None]), st.sampled_from(["won", "*", '"]', None]))
ACTIVITIES = st.builds(
    Activity,
    st.sampled_from(["", "*", "=", "910901"]),
    st.sampled_from(["Call", "Note", "Fax $1.50", "Tèlex"]),
    st.dates().map(date.toordinal) | st.integers(739_000, 739_400),
)
DEALS = st.just(NOTHING) | st.builds(DealCounts, STAGES, st.dictionaries(ACTIVITIES, st.integers(1, 5), min_size=1))
PAIRS = st.lists(st.tuples(DEALS, DEALS), max_size=6)


def total(deals: list[DealCounts]) -> Counter[tuple[str, str, str, int]]:
    numbers: Counter[tuple[str, str, str, int]] = Counter()
    for deal in deals:
        for activity, number in deal.counts.items():
            numbers[deal.stage, *activity] += number
    return numbers


def cells_after(*changes: Any) -> dict[CellKey, Any]:
    """Return the contents of all cells after some changes, the first of which begins with none."""
    cells: dict[CellKey, Any] = {}
    for change in changes:
        for key, numbers in by_cell(change).items():
            cells[key] = changed(cells.get(key), numbers) | key.fields(ObjectId())
    return cells


def numbers_in(cells: dict[CellKey, Any]) -> dict[CellKey, dict[tuple[str, int], int]]:
    return {
        key: numbers
        for key, cell in cells.items()
        if (
            numbers := {
                (one.type, day): n for one in series_in(cell) for day, n in zip(one.days, one.counts, strict=True)
            }
        )
    }


@given(PAIRS)
def test_sums_after_a_difference_are_those_of_the_deals_as_they_are(pairs):
    before, after = ([pair[place] for pair in pairs] for place in (0, 1))
    found = cells_after(total(before), difference(pairs))
    expected = numbers_in(cells_after(total(after)))
    assert numbers_in(found) == expected
    by_level: Counter[tuple[bool, bool]] = Counter()
    for key, numbers in expected.items():
        by_level[key.stage == ALL, key.owner == ALL] += sum(numbers.values())
    assert set(by_level.values()) <= {sum(total(after).values())}, "each level has all activities"


@given(PAIRS)
def test_what_is_packed_is_unpacked_again(pairs):
    change = difference(pairs)
    assert unpack_change(pack_change(change)) == change
    for _, deal in pairs:
        assert unpack_counts(pack_counts(deal.counts)) == deal.counts


def test_long_counts_are_compressed():
    counts = {Activity("910901", "Call", day): 1 for day in range(739_000, 742_000)}
    assert len(pack_counts(counts)) < 10_000
    assert unpack_counts(pack_counts(counts)) == counts


@given(st.text() | st.none(), st.text() | st.none())
def test_a_stage_is_a_text_and_back(pipeline_id, stage_id):
    assert stage_ids(stage_text(pipeline_id, stage_id)) == (pipeline_id, stage_id)
    assert stage_text(pipeline_id, stage_id) != ALL
    assert stored_owner(stage_id or "") > ALL


@given(
    st.dictionaries(st.integers(1, 50), st.integers(1, 3)),
    st.integers(0, 51) | st.none(),
    st.integers(0, 51) | st.none(),
)
def test_a_part_of_a_series_has_the_days_between_two(counts, first, last):
    part = series_of_type("1", "Call", counts).between(first, last)
    assert dict(zip(part.days, part.counts, strict=True)) == {
        day: number
        for day, number in counts.items()
        if (first is None or day >= first) and (last is None or day <= last)
    }
    assert list(part.days) == sorted(part.days)


def test_types_of_other_systems_have_numbers_of_their_own_up_to_a_bound():
    known = ["Fax"]
    counted = [counted_type(kind, known) for kind in ("Call", "Fax", "Telex", "x" * 101)]
    assert counted == ["Call", "Fax", "Telex", OTHER_TYPE]
    for number in range(200):
        counted_type(f"Type {number}", known)
    assert len(known) == 100
    assert counted_type("Type 150", known) == OTHER_TYPE
    assert counted_type("Telex", known) == "Telex"
    assert counted_type("Meeting", known) == "Meeting"


def test_deals_are_added_up_some_at_a_time():
    small = [{"_id": number, "activities": {"count": 10}} for number in range(600)]
    assert [len(keys) for keys in key_batches(small)] == [250, 250, 100]
    large = [
        {"_id": number, "activities": {"count": count}} for number, count in enumerate((10, 90_000, 19_990, 10, 1))
    ]
    assert list(key_batches(large)) == [[0], [1], [2, 3], [4]]
    odd = [{"_id": 1}, {"_id": 2, "activities": "many"}, {"_id": 3, "activities": {"count": None}}]
    assert list(key_batches(odd)) == [[1, 2, 3]]
    assert list(key_batches([])) == []
