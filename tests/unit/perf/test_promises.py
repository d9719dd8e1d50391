"""Verdicts on replies, and what their times tell."""

from __future__ import annotations

import pytest

from benchmarks.client import Reply
from benchmarks.perf.promises import (
    COLUMNS,
    Verdict,
    judge_age,
    judge_clear,
    judge_first,
    judge_hit,
    judge_mongodb,
    judge_parallel,
    judge_statistics,
    judge_wire,
    skip_expiry,
)
from benchmarks.perf.timing import RoundTrip, round_trip, server_timing

WAY = RoundTrip(median=20.0, jitter=2.0)
STATS = {"total_entries": 5, "size_bytes": 1_000, "hit_ratio": 0.5}


def reply(tier: str = "memory", milliseconds: float = 20.5, timing: str = "memory;dur=0.05") -> Reply:
    headers = {"x-cache-tier": tier, "server-timing": timing}
    return Reply(200, headers, b"{}", milliseconds / 1000 + 1.0, milliseconds / 1000)


def test_the_way_is_the_median_with_the_middle_half_as_its_jitter() -> None:
    way = round_trip([reply(milliseconds=one) for one in (1.0, 2.0, 3.0, 4.0, 100.0)])
    assert (way.median, way.jitter) == (pytest.approx(3.0), pytest.approx(2.0))


@pytest.mark.parametrize(
    ("header", "times"),
    [
        ("memory;dur=0.016, mongodb;dur=1.240", {"memory": 0.016, "mongodb": 1.24}),
        ('memory;desc="a tier";dur=2', {"memory": 2.0}),
        ("memory", {}),
        ("", {}),
    ],
)
def test_server_timing_is_read(header: str, times: dict[str, float]) -> None:
    assert server_timing(reply(timing=header)) == times


@pytest.mark.parametrize(
    ("tier", "seconds", "kept"),
    [
        ("mongodb", 0.1, True),
        ("hubspot", 14.0, True),
        ("hubspot", 16.0, False),
        ("memory", 0.1, False),
        ("redis", 0.1, False),
    ],
)
def test_after_a_clear_no_cache_may_answer_and_hubspot_in_time(tier: str, seconds: float, kept: bool) -> None:
    first = Reply(200, {"x-cache-tier": tier}, b"", seconds, 0.1)
    assert judge_first(first, 0.0, 15.0).kept is kept


def test_a_worker_that_heard_of_the_clear_later_is_told_of() -> None:
    assert "until 0.30 s after the clear" in judge_first(reply("mongodb"), 0.3, 30.0).told
    assert "after the clear" not in judge_first(reply("mongodb"), 0.0, 30.0).told


@pytest.mark.parametrize(
    ("last", "kept"),
    [
        (reply(timing="memory;dur=0.99"), True),
        (reply(timing="memory;dur=1.0"), False),
        (reply(timing="memory;dur=0.6, redis;dur=0.6"), False),
        (reply(timing=""), False),
        (reply("redis", timing="memory;dur=0.1"), False),
    ],
)
def test_a_hit_comes_from_memory_in_less_than_a_millisecond(last: Reply, kept: bool) -> None:
    assert judge_hit("second call", [last]).kept is kept


def test_a_hit_of_another_worker_is_told_of() -> None:
    verdict = judge_hit("second call", [reply("redis"), reply("mongodb"), reply()])
    assert verdict.kept
    assert "asked 3 times" in verdict.told


@pytest.mark.parametrize(
    ("replies", "kept"),
    [
        ([reply("mongodb", timing="mongodb;dur=9.0")] * 3 + [reply("mongodb", timing="mongodb;dur=90.0")] * 2, True),
        ([reply("mongodb", timing="mongodb;dur=9.0")] * 2 + [reply("mongodb", timing="mongodb;dur=11.0")] * 3, False),
        ([reply("mongodb", timing="mongodb;dur=9.0")] * 4 + [reply("memory")], False),
        ([reply("mongodb", timing="")] * 5, False),
        ([reply("hubspot")] * 5, False),
    ],
)
def test_mongodb_is_judged_by_the_median_of_reads_that_reached_it(replies: list[Reply], kept: bool) -> None:
    assert judge_mongodb("info", replies, events=0).kept is kept


@pytest.mark.parametrize(("events", "kept"), [(0, False), (499, False), (500, True), (2_500, True)])
def test_a_timeline_may_take_a_tenth_of_a_millisecond_more_for_each_event(events: int, kept: bool) -> None:
    verdict = judge_mongodb("timeline", [reply("mongodb", timing="mongodb;dur=60.0")] * 3, events)
    assert verdict.kept is kept
    assert f"within {10 + events / 10:g} ms" in verdict.promised


def test_what_was_not_judged_is_neither_kept_nor_broken() -> None:
    shown = skip_expiry(600, 60).show()
    assert shown.startswith("skipped ")
    assert "fresh for 600 s" in shown
    assert "CACHE_TTL_SECONDS=60" in shown


@pytest.mark.parametrize(("milliseconds", "kept"), [(19.0, True), (22.9, True), (23.1, False)])
def test_the_way_and_its_jitter_are_not_the_services_fault(milliseconds: float, kept: bool) -> None:
    assert judge_wire([reply(milliseconds=milliseconds)] * 3, WAY).kept is kept


def test_one_outlier_breaks_no_promise_and_other_tiers_are_told_of() -> None:
    verdict = judge_wire([reply(), reply(), reply("redis", 500.0)], WAY)
    assert verdict.kept
    assert "memory, redis" in verdict.told


@pytest.mark.parametrize(("slowest", "kept"), [(26.9, True), (27.1, False)])
def test_of_three_views_the_slowest_counts(slowest: float, kept: bool) -> None:
    assert judge_parallel([[reply(), reply(milliseconds=slowest), reply()]] * 3, WAY).kept is kept


@pytest.mark.parametrize(("milliseconds", "kept"), [(121.9, True), (122.1, False)])
def test_statistics_are_judged_by_time(milliseconds: float, kept: bool) -> None:
    verdict = judge_statistics([reply(milliseconds=milliseconds)], STATS, WAY)
    assert verdict.kept is kept
    assert "5 entries" in verdict.told
    assert "50.0% hits" in verdict.told


@pytest.mark.parametrize(("cleared", "milliseconds", "kept"), [(3, 30.0, True), (0, 30.0, False), (3, 1_100.0, False)])
def test_a_clear_clears_something_soon(cleared: int, milliseconds: float, kept: bool) -> None:
    assert judge_clear(reply(milliseconds=milliseconds), cleared, 1, WAY).kept is kept


def test_a_deal_that_nobody_has_read_has_nothing_to_clear() -> None:
    assert judge_clear(reply(), 0, 0, WAY).kept


def dated(as_of: str | None, date: str | None = "Mon, 30 Nov 2026 12:00:00 GMT") -> Reply:
    headers = {"x-data-as-of": as_of, "date": date}
    return Reply(200, {name: value for name, value in headers.items() if value is not None}, b"{}", 0.02, 0.02)


NOON = 1_796_040_000.0


@pytest.mark.parametrize(
    ("as_of", "most", "kept"),
    [
        ("2026-11-30T11:59:18Z", 42.0, True),
        ("2026-11-30T11:59:17Z", 42.0, False),
        ("2026-11-30T12:00:01Z", 42.0, True),  # clocks differ a little
        ("2026-01-10T00:00:00Z", None, True),
        ("yesterday", None, False),
        (None, None, False),
    ],
)
def test_data_is_at_most_as_old_as_promised_and_says_how_old(as_of: str | None, most: float | None, kept: bool) -> None:
    assert judge_age(dated(as_of), most, 0.0, NOON + 9_999).kept is kept
    assert judge_age(dated(as_of, None), most, 0.0, NOON).kept is kept


def test_older_data_that_was_served_while_it_was_read_again_is_told_of() -> None:
    new = dated("2026-11-30T12:00:00Z")
    assert "older data was served for 1.5 s" in judge_age(new, 42.0, 1.5, NOON).told
    assert "older data" not in judge_age(new, 42.0, 0.0, NOON).told


def test_lines_stand_in_columns() -> None:
    kept = Verdict("second call", 1.234, "something", "told", True).show()
    broken = Verdict(
        "three views at once, median of 7", 12_345.6, "MongoDB within 10 ms by Server-Timing", "told", False
    ).show()
    assert kept.startswith("ok ")
    assert broken.startswith("BROKEN ")
    assert kept.index("told") == broken.index("told") == COLUMNS.index("and")
