"""The filters of searches, and how pages continue by id."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.errors import MalformedAnswer
from dealcache.sync.search_filters import Window, beyond, days, in_stages, last_of, modified_in, on_or_modified_in

START = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))


def test_a_window_includes_its_start_and_not_its_end():
    assert modified_in(WINDOW) == [
        [
            {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1793491200000"},
            {"propertyName": "hs_lastmodifieddate", "operator": "LT", "value": "1793577600000"},
        ]
    ]


def test_activities_of_a_window_happened_or_changed_in_it():
    groups = on_or_modified_in(WINDOW)
    assert [group[0]["propertyName"] for group in groups] == ["hs_timestamp", "hs_lastmodifieddate"]


def test_the_next_page_asks_in_every_group_for_ids_above_the_last():
    groups = beyond(on_or_modified_in(WINDOW), "77")
    assert [group[-1] for group in groups] == [{"propertyName": "hs_object_id", "operator": "GT", "value": "77"}] * 2


def test_the_first_page_asks_for_all_ids():
    assert beyond(modified_in(WINDOW), None) == modified_in(WINDOW)


def test_many_stages_are_one_search_with_one_group():
    stages = [str(number) for number in range(6)]
    in_any = {"propertyName": "dealstage", "operator": "IN", "values": stages}
    assert in_stages(stages, [{"propertyName": "amount"}]) == [[[in_any, {"propertyName": "amount"}]]]


def test_more_stages_than_a_search_takes_become_several_searches():
    searches = in_stages([str(number) for number in range(250)])
    assert [len(group[0]["values"]) for (group,) in searches] == [100, 100, 50]


def test_one_stage_is_searched_by_itself_and_none_not_at_all():
    assert in_stages(["a", "a"]) == [[[{"propertyName": "dealstage", "operator": "EQ", "value": "a"}]]]
    assert in_stages([]) == []


@pytest.mark.parametrize(
    ("ids", "last_id", "following"),
    [(["1", "2", "10"], None, "10"), ([], "7", "7"), ([], None, None), (["8", "8", "9"], "7", "9")],
)
def test_a_page_ends_with_its_last_id(ids, last_id, following):
    assert last_of(ids, last_id) == following


@pytest.mark.parametrize(("ids", "last_id"), [(["7"], "7"), (["3", "2"], None), (["10", "9"], "8"), (["x"], None)])
def test_ids_that_do_not_rise_are_refused(ids, last_id):
    with pytest.raises(MalformedAnswer):
        last_of(ids, last_id)


@given(st.lists(st.integers(1, 10**15), unique=True, min_size=1), st.integers(1, 20))
def test_pages_by_id_bring_each_record_once(numbers, size):
    ids = sorted(numbers)
    found: list[int] = []
    last_id = None
    while page := [one for one in ids if last_id is None or one > int(last_id)][:size]:
        found += page
        last_id = last_of([str(one) for one in page], last_id)
    assert found == ids


def test_days_are_days_of_the_zone():
    window = days(date(2026, 11, 1), date(2026, 11, 1), ZoneInfo("America/New_York"))
    assert window.start.astimezone(UTC) == datetime(2026, 11, 1, 4, tzinfo=UTC)
    # That Sunday had 25 hours: the clocks went back.
    assert window.end.astimezone(UTC) == datetime(2026, 11, 2, 5, tzinfo=UTC)
