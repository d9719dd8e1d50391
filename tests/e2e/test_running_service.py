"""A running service: reads, its log, its metrics, its documentation."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.e2e.metrics import all_follow, samples, total
from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot
from tests.waiting import until

#: A deal that no other test reads.
FRESH = "Umbrella onboarding"
COUNT = "/api/hubspot/deal-activities-count"
COUNTED = re.compile(r'^dealcache_reads_total\{.*view="activities_count".*$', re.MULTILINE)
METRICS = {
    *("dealcache_requests_total", "dealcache_reads_total", "dealcache_read_seconds_bucket"),
    *("dealcache_cache_entries", "dealcache_cache_bytes", "dealcache_cache_evictions_total"),
    *("dealcache_single_flight_waits_total", "dealcache_hubspot_waiting_threads", "dealcache_hubspot_calls_total"),
    *("dealcache_hubspot_call_seconds_bucket", "dealcache_hubspot_budget_left"),
}


def lines_of(service: Gunicorn, request_id: str, count: int) -> list[dict[str, Any]]:
    """The lines of the log that belong to one request."""

    def found() -> list[dict[str, Any]] | None:
        lines = [line for line in service.log() if line["request_id"] == request_id]
        return lines if len(lines) >= count else None

    return until(found)


def test_the_first_read_comes_from_below_and_a_later_one_from_memory(two_workers: Gunicorn, hubspot: HubSpot) -> None:
    all_follow(two_workers)
    hubspot.steer("DELETE", "calls")
    first = two_workers.get(READ, dealName=FRESH)
    assert (first.status_code, first.headers["X-Cache-Tier"]) == (200, "hubspot")
    assert first.headers["Content-Type"] == "application/json"
    assert hubspot.calls()["search"] == 1

    def all_from_memory() -> bool:
        answers = two_workers.get_from_each(READ, dealName=FRESH).values()
        assert {one.content for of_worker in answers for one in of_worker} == {first.content}
        # The other worker has asked MongoDB, none has asked HubSpot again.
        assert {one.headers["X-Cache-Tier"] for of_worker in answers for one in of_worker} <= {"memory", "mongodb"}
        return all(of_worker[-1].headers["X-Cache-Tier"] == "memory" for of_worker in answers)

    until(all_from_memory)
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
    """Of the reads, those of a view that no other test asks this service for: hits are counted some times a second."""
    path = "/api/hubspot/cache-stats"
    two_workers.get(READ, dealName=ACME)
    assert {name for name, _ in samples(two_workers)} >= METRICS

    def counted() -> tuple[float, float]:
        requests = total(two_workers, "dealcache_requests_total", f'route="{path}"', 'status="200"')
        return requests, total(two_workers, "dealcache_reads_total", 'view="activities_count"')

    requests, reads = counted()
    asked = [one for of_worker in two_workers.get_from_each(path).values() for one in of_worker]
    asked += [two_workers.get(path) for _ in range(30)]
    assert {one.status_code for one in asked} == {200}
    read = [one for of_worker in two_workers.get_from_each(COUNT, dealName=ACME).values() for one in of_worker]
    read += [two_workers.get(COUNT, dealName=ACME) for _ in range(20)]
    assert {one.status_code for one in read} == {200}
    until(lambda: counted() == (requests + len(asked), reads + len(read)))
    metrics = [of_worker[-1].text for of_worker in two_workers.get_from_each("/metrics").values()]
    assert len({tuple(sorted(COUNTED.findall(text))) for text in metrics}) == 1  # whichever worker answers
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
