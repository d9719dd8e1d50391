"""What is reported shows up."""

from __future__ import annotations

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
    assert value(metrics, "dealcache_requests_total", route="/healthz", status="200") == 1
    assert value(metrics, "dealcache_reads_total", view="info", tier="memory") == 1
    assert value(metrics, "dealcache_read_seconds_bucket", tier="memory", le="0.0001") == 1
    assert value(metrics, "dealcache_hubspot_calls_total", endpoint="deals_search", status="200") == 1
    assert value(metrics, "dealcache_hubspot_retries_total", endpoint="deals_search", reason="503") == 1
    assert value(metrics, "dealcache_hubspot_budget_left", bucket="search") == 4
    assert value(metrics, "dealcache_single_flight_waits_total") == 1
    assert b"dealcache_hubspot_waiting_threads 3.0" in metrics.render()
