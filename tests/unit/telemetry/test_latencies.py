"""Quantiles of the last minute's reads, and that Prometheus' counts follow from the same buckets."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter

import pytest

from dealcache.api.recorder import ReadRecorder
from dealcache.cluster.reports import WorkerReport, decode, encode
from dealcache.telemetry.latencies import BOUNDS, RecentLatencies, quantile, read_buckets, total
from dealcache.telemetry.metrics import READ_BUCKETS, Metrics
from dealcache.tiers import Usage
from tests.clocks import ManualClock


def counts_of(seconds):
    return Counter(bisect_left(BOUNDS, one) for one in seconds)


@pytest.mark.parametrize("typical", [5e-6, 0.002, 0.3], ids=["hits", "MongoDB", "HubSpot"])
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_quantile_is_known_to_within_an_eighth(typical, share):
    chance = random.Random(7)
    seconds = sorted(typical * chance.lognormvariate(0, 0.6) for _ in range(5_000))
    assert quantile(counts_of(seconds), share) == pytest.approx(seconds[int(share * len(seconds))], rel=0.125)


def test_without_reads_there_is_no_quantile():
    assert quantile({}, 0.5) is None
    assert quantile({3: 0}, 0.5) is None


def test_a_read_beyond_all_bounds_counts_as_the_last_one():
    assert quantile(counts_of([1_000.0]), 0.99) == BOUNDS[-1]


def test_counts_of_prometheus_follow_from_the_narrow_ones():
    seconds = [random.Random(3).uniform(0, 30) for _ in range(100)] + [*READ_BUCKETS, 1e-7, 1e-5, 25.0, 1_000.0]
    narrow = [counts_of(seconds)[bucket] for bucket in range(len(BOUNDS) + 1)]
    wide = Counter(bisect_left(READ_BUCKETS, one) for one in seconds)
    assert read_buckets(narrow) == [wide[bucket] for bucket in range(len(READ_BUCKETS) + 1)]


def test_a_read_counts_for_a_minute():
    clock = ManualClock()
    latencies = RecentLatencies(clock)
    latencies.add("mongodb", 0.002)
    clock.tick(50)
    latencies.add("mongodb", 0.002)
    latencies.add("hubspot", 0.2)
    assert sum(latencies.last_minute()["mongodb"].values()) == 2
    clock.tick(11)
    told = latencies.last_minute()
    assert {tier: sum(counts.values()) for tier, counts in told.items()} == {"mongodb": 1, "hubspot": 1}
    clock.tick(60)
    assert latencies.last_minute() == {}


def test_counts_of_several_workers_are_added_up():
    assert total([{1: 2, 3: 1}, {3: 4}, {}]) == {1: 2, 3: 5}


def test_hits_of_the_lane_count_for_prometheus_and_for_the_last_minute():
    metrics = Metrics()
    recorder = ReadRecorder(metrics)
    hits = [0.000006] * 3 + [0.0004]
    recorder.hits_lasted([counts_of(hits)[bucket] for bucket in range(len(BOUNDS) + 1)], sum(hits))
    told = recorder.latencies.last_minute()
    assert told == {"memory": counts_of(hits)}
    report = WorkerReport({}, Usage(0, 0, 0, 0), told, {}, None, None)
    assert decode(encode(report)) == report  # as other workers are told of it
    sample = metrics.registry.get_sample_value
    assert sample("dealcache_read_seconds_bucket", {"tier": "memory", "le": "5e-05"}) == 3
    assert sample("dealcache_read_seconds_count", {"tier": "memory"}) == 4
