"""Reported events show up in the metrics."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from prometheus_client import Gauge

from dealcache.model.jobs import JobType
from dealcache.telemetry import metric_files
from dealcache.telemetry.metrics import Metrics
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
    metrics.call_finished("deals_search", "401", 0.2)
    metrics.calls_left("search", 4)
    metrics.shared_state.daily_left.set(249_000)
    metrics.shared_state.daily_limit.set(250_000)
    metrics.flight_waits.inc()
    metrics.hubspot_waiting.set(3)
    metrics.invalidations_recorded.inc(2)
    metrics.invalidations_applied.inc()
    metrics.followed_until.set(1_800_000_000.5)
    metrics.workers.set(4)
    assert value(metrics, "dealcache_requests_total", route="/healthz", status="200") == 1
    assert value(metrics, "dealcache_reads_total", view="info", tier="memory") == 1
    assert value(metrics, "dealcache_read_seconds_bucket", tier="memory", le="0.0001") == 1
    assert value(metrics, "dealcache_hubspot_calls_total", endpoint="deals_search", status="200") == 1
    assert value(metrics, "dealcache_hubspot_retries_total", endpoint="deals_search", reason="503") == 1
    assert [value(metrics, "dealcache_hubspot_refusals_total", status=one) for one in ("401", "403")] == [1, 0]
    assert value(metrics, "dealcache_hubspot_budget_left", bucket="search") == 4
    assert value(metrics, "dealcache_hubspot_daily_calls_left") == 249_000
    assert value(metrics, "dealcache_hubspot_daily_calls_limit") == 250_000
    assert value(metrics, "dealcache_single_flight_waits_total") == 1
    assert value(metrics, "dealcache_invalidations_recorded_total") == 2
    assert value(metrics, "dealcache_invalidations_applied_total") == 1
    assert value(metrics, "dealcache_followed_until_timestamp_seconds") == 1_800_000_000.5
    assert value(metrics, "dealcache_workers") == 4
    assert b"dealcache_hubspot_waiting_threads 3.0" in metrics.render()


def test_series_of_which_alarms_need_the_first_event_begin_with_0():
    metrics = Metrics()
    metrics.expect_routes(["/api/hubspot/deal-info"])
    metrics.expect_reads(["info"], ["memory"])
    assert value(metrics, "dealcache_requests_total", route="/api/hubspot/deal-info", status="503") == 0
    assert [value(metrics, "dealcache_reads_total", view="info", tier=one) for one in ("memory", "error")] == [0, 0]


def test_a_worker_that_has_only_begun_lags_behind_nobody():
    began = time.time()
    assert value(Metrics(), "dealcache_followed_until_timestamp_seconds") >= began


def test_what_mongodb_holds_is_told_once_however_many_workers_see_it(tmp_path):
    program = (
        "import sys; from dealcache.telemetry.metrics import Metrics; shown = Metrics().shared_state;"
        "as_of, missing, waiting, running, last_success = eval(sys.argv[1]);"
        "shown.data_as_of.set(as_of); shown.timelines_missing.set(missing);"
        "shown.jobs_waiting.set(waiting); shown.jobs_running.set(running);"
        "[shown.last_success.labels(kind).set(at) for kind, at in last_success.items()]"
    )
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for seen in ((1_800_000_000.0, 5, 2, 1, {"full": 7.0}), (1_800_000_060.0, 3, 1, 1, {"full": 7.0})):
        subprocess.run([sys.executable, "-c", program, repr(seen)], env=environ, check=True)
    told = {
        (sample.name, sample.labels.get("type")): sample.value
        for metric in metric_files.collect(tmp_path)
        for sample in metric.samples
    }
    assert told["dealcache_data_as_of_timestamp_seconds", None] == 1_800_000_060
    assert told["dealcache_timelines_missing", None] == 3
    assert (told["dealcache_sync_jobs_waiting", None], told["dealcache_sync_jobs_running", None]) == (1, 1)
    last_success = {kind: at for (name, kind), at in told.items() if "last_success" in name}
    assert last_success == dict.fromkeys(JobType, 0) | {"full": 7}


def test_gauges_are_those_of_living_workers():
    """A gauge of another mode would go on counting the dead."""
    gauges = [one for one in Metrics().registry._collector_to_names if isinstance(one, Gauge)]
    assert len(gauges) >= 20
    assert [one._multiprocess_mode for one in gauges if not one._multiprocess_mode.startswith("live")] == []
