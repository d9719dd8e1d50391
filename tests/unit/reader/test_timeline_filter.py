"""Parts of a timeline."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.model.deals import EVENT_TYPES
from dealcache.model.labels import Labels
from dealcache.reader import views
from dealcache.reader.question_errors import InvalidCursorError
from dealcache.reader.timeline_filter import TimelineFilter
from tests.unit.reader.test_views import NOON, deal, event


def timeline(events):
    return views.timeline(deal(), events, UTC, Labels())


WEEK = timeline([event(day, NOON + timedelta(days=day), type=EVENT_TYPES[day]) for day in range(7)])


def ids(part) -> list[str]:
    return [one["engagement_id"] for one in part["events"]]


def test_without_wishes_the_whole_timeline_is_meant():
    assert TimelineFilter().is_whole()
    assert not TimelineFilter(limit=5).is_whole()


def test_days_are_included_at_both_ends():
    part = TimelineFilter(since="2026-03-02", until="2026-03-04").apply(WEEK)
    assert ids(part) == ["1", "2", "3"]
    assert (part["start_date"], part["end_date"]) == ("2026-03-02", "2026-03-04")


def test_types_choose():
    assert ids(TimelineFilter(types=frozenset({EVENT_TYPES[2], EVENT_TYPES[5]})).apply(WEEK)) == ["2", "5"]


def test_nothing_that_matches_is_an_empty_timeline():
    part = TimelineFilter(since="2030-01-01").apply(WEEK)
    assert (part["events"], part["start_date"], part["end_date"]) == ([], None, None)
    assert "next_cursor" not in part


def test_a_page_that_ends_the_timeline_has_no_cursor():
    assert "next_cursor" not in TimelineFilter(limit=7).apply(WEEK)
    assert "next_cursor" in TimelineFilter(limit=6).apply(WEEK)


def test_the_days_are_those_of_all_that_matches_on_every_page():
    first = TimelineFilter(limit=2).apply(WEEK)
    second = TimelineFilter(limit=2, cursor=first["next_cursor"]).apply(WEEK)
    assert {(page["start_date"], page["end_date"]) for page in (first, second)} == {("2026-03-01", "2026-03-07")}


events_of_few_moments = st.lists(
    st.tuples(st.integers(1, 30), st.integers(0, 2), st.sampled_from(EVENT_TYPES)), max_size=40, unique=True
)


@given(events_of_few_moments, st.integers(1, 7))
def test_pages_show_every_event_once_and_in_order(rows, limit):
    whole = timeline([event(number, NOON + timedelta(seconds=at), type=kind) for number, at, kind in rows])
    seen, cursor = [], None
    for _ in range(len(rows) + 1):
        page = TimelineFilter(limit=limit, cursor=cursor).apply(whole)
        seen += page["events"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert seen == whole["events"]


@pytest.mark.parametrize("cursor", ["", "x", "~~", "2026-03-01T23:30:15.250Z~1_2~Fax", "2026~1~Call"])
def test_a_cursor_of_nobody_is_refused(cursor):
    with pytest.raises(InvalidCursorError):
        TimelineFilter(cursor=cursor).apply(WEEK)
