"""The age of data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dealcache.model.freshness import as_of_text, data_as_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
OLD, NEWER, FUTURE = NOW - timedelta(days=2), NOW - timedelta(hours=1), NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("synced_at", "watermark", "complete", "expected"),
    [
        (OLD, None, True, OLD),
        (OLD, NEWER, True, NEWER),
        (NEWER, OLD, True, NEWER),
        (OLD, NEWER, False, OLD),  # a sync keeps up to date only what was complete
        (None, NEWER, False, None),
        (None, None, False, None),
        (FUTURE, OLD, True, OLD),
        (OLD, FUTURE, True, OLD),
        (FUTURE, FUTURE, True, None),
        (FUTURE, OLD, False, None),
    ],
)
def test_the_later_of_the_moments_that_count(synced_at, watermark, complete, expected):
    assert data_as_of(synced_at, watermark, NOW, complete) == expected


def test_what_another_host_has_just_read_counts_although_its_clock_is_a_little_ahead():
    just_now = NOW + timedelta(milliseconds=300)
    assert data_as_of(just_now, OLD, NOW, complete=True) == just_now


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 29, 14, 0, 3, 999_999, tzinfo=UTC), "2026-11-29T14:00:03Z"),
        (datetime(2026, 11, 29, 14, 0, tzinfo=timezone(timedelta(hours=1))), "2026-11-29T13:00:00Z"),
        (datetime(987, 1, 2, tzinfo=UTC), "0987-01-02T00:00:00Z"),
    ],
)
def test_the_text_is_in_utc_and_cut_to_the_second(moment, shown):
    assert as_of_text(moment) == shown
