"""A running service: reads, its log, its metrics, its documentation."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from typing import Any

from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot
from tests.waiting import until

#: A deal that no other test reads.
FRESH = "Umbrella onboarding"
METRICS = {
    *("dealcache_requests_total", "dealcache_reads_total", "dealcache_read_seconds_bucket"),
    *("dealcache_cache_entries", "dealcache_cache_bytes", "dealcache_cache_evictions_total"),
    *("dealcache_single_flight_waits_total", "dealcache_hubspot_waiting_threads", "dealcache_hubspot_calls_total"),
    *("dealcache_hubspot_call_seconds_bucket", "dealcache_hubspot_budget_left"),
}
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


def samples(service: Gunicorn) -> dict[tuple[str, str], float]:
    """All samples of ``/metrics`` by name and labels."""
    text = service.get("/metrics").text
    return {(name, labels): float(value) for name, labels, value in SAMPLE.findall(text)}


def total(service: Gunicorn, name: str, *labels: str) -> float:
    return sum(v for (found, given), v in samples(service).items() if found == name and all(x in given for x in labels))


def lines_of(service: Gunicorn, request_id: str, count: int) -> list[dict[str, Any]]:
    """The lines of the log that belong to one request."""

    def found() -> list[dict[str, Any]] | None:
        lines = [line for line in service.log() if line["request_id"] == request_id]
        return lines if len(lines) >= count else None

    return until(found)


def test_the_first_read_comes_from_below_and_a_later_one_from_memory(two_workers: Gunicorn, hubspot: HubSpot) -> None:
    first = two_workers.get(READ, dealName=FRESH)
    assert (first.status_code, first.headers["X-Cache-Tier"]) == (200, "hubspot")
    assert first.headers["Content-Type"] == "application/json"
    assert hubspot.calls()["search"] == 1
    tiers = set()
    for _ in range(40):
        response = two_workers.get(READ, dealName=FRESH)
        assert response.content == first.content
        tiers.add(response.headers["X-Cache-Tier"])
    # The other worker has asked MongoDB, none has asked HubSpot again.
    assert tiers <= {"memory", "mongodb"}
    assert "memory" in tiers
    assert hubspot.calls()["search"] == 1


def test_a_read_leaves_two_json_lines_with_the_callers_request_id(two_workers: Gunicorn) -> None:
    for name, status in ((ACME, 200), (ACME, 200), (f"Nobody's {uuid.uuid4().hex}", 404)):
        request_id = f"e2e-{uuid.uuid4()}"
        response = two_workers.get(READ, {"X-Request-ID": request_id, "User-Agent": "e2e"}, dealName=name)
        assert (response.status_code, response.headers["X-Request-ID"]) == (status, request_id)
        read, access = sorted(lines_of(two_workers, request_id, 2), key=lambda line: "remote" in line)
        assert (read["logger"], read["view"], read["deal"], read["status"]) == ("dealcache.read", "info", name, status)
        assert read["tier"] == response.headers["X-Cache-Tier"]
        assert read["ms"] >= 0
        assert (access["method"], access["status"], access["remote"]) == ("GET", status, "127.0.0.1")
        assert access["target"] == response.request.path_url
        assert access["user_agent"] == "e2e"
        assert {"time", "level", "logger", "message"} <= read.keys() & access.keys()
    assert all({"time", "level", "logger", "message", "request_id"} <= line.keys() for line in two_workers.log())
    assert two_workers.out == ""


def test_what_a_caller_writes_cannot_forge_a_line(two_workers: Gunicorn) -> None:
    request_id = f"e2e-{uuid.uuid4()}"
    two_workers.get('/nope%0A{"level":"ERROR"}', {"X-Request-ID": request_id, "User-Agent": 'x"y\\'})
    (line,) = lines_of(two_workers, request_id, 1)
    assert line["status"] == 404
    assert line["user_agent"] == 'x"y\\'


def test_metrics_add_up_over_all_workers(two_workers: Gunicorn) -> None:
    """Requests on connections of their own, so that both workers get some."""
    path = "/api/hubspot/cache-stats"
    two_workers.get(READ, dealName=ACME)
    assert {name for name, _ in samples(two_workers)} >= METRICS
    before = total(two_workers, "dealcache_requests_total", f'route="{path}"', 'status="200"')
    reads = total(two_workers, "dealcache_reads_total", 'view="info"')
    statuses = Counter(two_workers.get(path).status_code for _ in range(30))
    assert statuses == {200: 30}
    for _ in range(20):
        assert two_workers.get(READ, dealName=ACME).status_code == 200
    # Each worker counts its hits some times a second, so that the other one's may be seen a moment later.
    until(lambda: total(two_workers, "dealcache_reads_total", 'view="info"') >= reads + 20)
    for _ in range(5):  # whichever worker answers
        assert total(two_workers, "dealcache_requests_total", f'route="{path}"', 'status="200"') == before + 30
        # The first read may not have been counted yet when the count began.
        assert total(two_workers, "dealcache_reads_total", 'view="info"') in (reads + 20, reads + 21)
    assert total(two_workers, "dealcache_cache_entries") >= 1
    assert total(two_workers, "dealcache_cache_bytes") > 0


def test_unknown_paths_make_no_time_series_of_their_own(two_workers: Gunicorn) -> None:
    unknown = f"/nope-{uuid.uuid4().hex}"
    assert two_workers.get(unknown).status_code == 404
    assert two_workers.get(READ, dealName=f"Nobody's {unknown}").status_code == 404
    assert not [labels for _, labels in samples(two_workers) if unknown[1:] in labels]


def test_the_documentation_is_served_without_any_other_host(two_workers: Gunicorn) -> None:
    description = two_workers.get("/api/openapi.json").json()
    assert description["openapi"].startswith("3.")
    assert READ in description["paths"]
    page = two_workers.get("/api/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "://" not in policy
    references = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
    assert len(references) >= 3
    for reference in references:
        assert reference.startswith("/")
        assert not reference.startswith("//")
        asset = two_workers.get(reference)
        assert asset.status_code == 200
        assert asset.content
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page.text)


def test_probes_answer(two_workers: Gunicorn, hubspot: HubSpot) -> None:
    assert two_workers.get("/healthz").json() == {"status": "ok"}
    readiness = two_workers.get("/readyz").json()
    assert (readiness["status"], readiness["missing"]) == ("ready", [])
