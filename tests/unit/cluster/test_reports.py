"""A worker's report is read as it was written, and a report of another release does no harm."""

from __future__ import annotations

import zlib
from dataclasses import replace

import orjson
import pytest

from dealcache.cluster.reports import CallOutcome, DailyCalls, WorkerReport, decode, encode
from dealcache.tiers import Usage

REPORT = WorkerReport(
    {"memory": 7, "mongodb": 2},
    Usage(3, 4_096, 10_000, 1),
    {"memory": {12: 5, 13: 2}, "mongodb": {40: 2}},
    {"app": 90, "search": 5},
    DailyCalls(249_000, 250_000, 3.5),
    CallOutcome(True, 1.25),
)


@pytest.mark.parametrize("report", [REPORT, replace(REPORT, daily=None, hubspot=None, latencies={}, calls_left={})])
def test_a_report_comes_out_as_it_went_in(report):
    assert decode(encode(report)) == report


def test_a_report_is_small_enough_for_each_sign_of_life():
    full = {tier: dict.fromkeys(range(94), 12345) for tier in ("memory", "redis", "mongodb", "hubspot")}
    assert len(encode(replace(REPORT, latencies=full))) < 4_096


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"junk",
        zlib.compress(b"[]"),
        zlib.compress(orjson.dumps({"format": 2})),
        zlib.compress(orjson.dumps({"format": 1, "latencies": {}})),
        encode(REPORT)[:-3],
    ],
    ids=["none", "junk", "a list", "another format", "a part", "cut off"],
)
def test_what_is_no_report_says_nothing(message):
    assert decode(message) is None
