"""Rows of the summary of activities: weeks, months, owners and types, for any day and zone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.model.labels import Labels, Owner
from dealcache.model.timestamps import in_zone
from dealcache.reader.activity_rows import month_of, rows_of, table_of, week_of
from dealcache.reader.deal_resolution import days
from dealcache.repositories.activity_sums.cells import series_of_type

LABELS = Labels(known_owners=(Owner("1", "Ada"), Owner("2", None), Owner("3", "Zoë")))
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "Pacific/Auckland",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "America/Havana",
    ]
).map(ZoneInfo)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


@given(st.dates())
def test_weeks_are_those_of_iso_8601(day):
    monday = date.fromordinal(week_of(day.toordinal()))
    assert monday.isocalendar() == (*day.isocalendar()[:2], 1)
    row = rows_of("week", {monday.toordinal(): {"Call": 1}}, LABELS)[0]
    year, week, _ = day.isocalendar()
    assert (row["key"], row["start"]) == (f"{year:04d}-W{week:02d}", monday.isoformat())


@given(st.dates())
def test_months_begin_with_their_first_days(day):
    assert date.fromordinal(month_of(day.toordinal())) == day.replace(day=1)


@given(MOMENTS, ZONES)
def test_a_moment_belongs_to_the_day_that_filters_find_it_in(moment, zone):
    day = in_zone(moment, zone).date()
    least, most = days(day, day, zone)
    assert least <= moment <= most


SERIES = st.builds(
    series_of_type,
    st.sampled_from(["", "1", "2", "3", "4"]),
    st.sampled_from(["Call", "Note"]),
    st.dictionaries(st.integers(739_800, 740_000), st.integers(1, 4)),
)


@given(st.lists(SERIES), st.sampled_from(["week", "month", "owner", "type"]))
def test_rows_add_up_to_all_activities(series, by):
    rows = rows_of(by, table_of(by, series), LABELS)
    assert sum(row["count"] for row in rows) == sum(sum(one.counts) for one in series)
    by_type: Counter[str] = Counter()
    for row in rows:
        assert row["count"] == sum(row["by_type"].values()) > 0
        by_type.update(row["by_type"])
    assert by_type == {
        kind: n for kind in ("Call", "Note") if (n := sum(sum(s.counts) for s in series if s.type == kind))
    }
    keys = [row["key"] for row in rows]
    assert len(keys) == len(set(keys))
    if by in ("week", "month"):
        assert keys == sorted(keys)
    else:
        assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)


@pytest.mark.parametrize(
    ("key", "shown"),
    [("", (None, "Unknown Owner")), ("2", ("2", "Unknown Owner")), ("9", ("9", "Unknown Owner")), ("3", ("3", "Zoë"))],
)
def test_owners_have_their_ids_and_names(key, shown):
    row = rows_of("owner", {key: {"Call": 2}}, LABELS)[0]
    assert ((row["key"], row["label"]), row["start"], row["count"]) == (shown, None, 2)
