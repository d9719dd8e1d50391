"""What is reported shows up."""

from __future__ import annotations

import time

from prometheus_client import Gauge

from dealcache.metrics import Metrics
from dealcache.tiers import Usage


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_evictions_are_counted_once_however_often_the_usage_is_told():
    metrics = Metrics()
    for evictions in (0, 2, 2, 5):
        metrics.cache_changed(Usage(1, 10, 100, evictions))
    assert value(metrics, "dealcache_cache_evictions_total") == 5
    assert value(metrics, "dealcache_cache_bytes") == 10


def test_everything_reported_is_rendered():
    metrics = Metrics()
    metrics.request_finished("/healthz", 200)
    metrics.read_finished("info", "memory", 0.00007)
    metrics.call_finished("deals_search", "200", 0.2)
    metrics.retried("deals_search", "503")
    metrics.budget_left("search", 4)
    metrics.flight_waited()
    metrics.waiting_changed(3)
    metrics.invalidations_recorded(2)
    metrics.invalidation_applied()
    metrics.followed_until(1_800_000_000.5)
    metrics.workers_seen(4)
    assert value(metrics, "dealcache_requests_total", route="/healthz", status="200") == 1
    assert value(metrics, "dealcache_reads_total", view="info", tier="memory") == 1
    assert value(metrics, "dealcache_read_seconds_bucket", tier="memory", le="0.0001") == 1
    assert value(metrics, "dealcache_hubspot_calls_total", endpoint="deals_search", status="200") == 1
    assert value(metrics, "dealcache_hubspot_retries_total", endpoint="deals_search", reason="503") == 1
    assert value(metrics, "dealcache_hubspot_budget_left", bucket="search") == 4
    assert value(metrics, "dealcache_single_flight_waits_total") == 1
    assert value(metrics, "dealcache_invalidations_recorded_total") == 2
    assert value(metrics, "dealcache_invalidations_applied_total") == 1
    assert value(metrics, "dealcache_followed_until_timestamp_seconds") == 1_800_000_000.5
    assert value(metrics, "dealcache_workers") == 4
    assert b"dealcache_hubspot_waiting_threads 3.0" in metrics.render()


def test_a_worker_that_has_only_begun_lags_behind_nobody():
    began = time.time()
    assert value(Metrics(), "dealcache_followed_until_timestamp_seconds") >= began


def test_gauges_are_those_of_living_workers():
    """A gauge of another mode would go on counting the dead."""
    gauges = [one for one in vars(Metrics()).values() if isinstance(one, Gauge)]
    assert len(gauges) >= 6
    assert [one._multiprocess_mode for one in gauges if not one._multiprocess_mode.startswith("live")] == []
