"""Moments in zones, at the calendar's edges too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.model.timestamps import EARLIEST, LATEST, from_milliseconds, in_utc, in_zone

ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12", "UTC"]


@pytest.mark.parametrize(
    ("moment", "zone", "shown"),
    [
        (LATEST, "Europe/Berlin", "9999-12-31T23:59:59.999000+01:00"),
        (LATEST, "America/New_York", "9999-12-31T18:59:59.999000-05:00"),
        (EARLIEST, "America/New_York", "0001-01-01T00:00:00-04:56:02"),
        (EARLIEST, "Pacific/Kiritimati", "0001-01-01T00:00:00-10:29:20"),
        (datetime(2026, 7, 1, 12, tzinfo=UTC), "Europe/Berlin", "2026-07-01T14:00:00+02:00"),
    ],
)
def test_what_lies_beyond_an_edge_is_the_edge(moment, zone, shown):
    assert in_zone(moment, ZoneInfo(zone)).isoformat() == shown


@given(st.datetimes(timezones=st.just(UTC)) | st.sampled_from([EARLIEST, LATEST]), st.sampled_from(ZONES).map(ZoneInfo))
def test_no_moment_overflows_in_any_zone(moment, zone):
    local = in_zone(moment, zone)
    assert local.tzinfo is zone
    assert abs((local - moment).total_seconds()) <= 15 * 3600


def test_utc_of_the_edges():
    assert in_utc(datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14)))) == LATEST
    assert in_utc(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))) == EARLIEST


@pytest.mark.parametrize(
    ("count", "moment"),
    [(0, datetime(1970, 1, 1, tzinfo=UTC)), (10**30, LATEST), (-(10**30), EARLIEST), (253402300799999, LATEST)],
)
def test_milliseconds_beyond_the_calendar_are_its_edges(count, moment):
    assert from_milliseconds(count) == moment
