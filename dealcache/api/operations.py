"""Liveness, readiness and metrics, for operators and load balancers."""

from __future__ import annotations

from typing import Any

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from dealcache.api import schemas
from dealcache.api.documentation import documented
from dealcache.api.responses import JSON, json_response
from dealcache.api.services import services
from dealcache.api.status import age_view
from dealcache.api.strict_blueprint import StrictBlueprint

#: Seconds that a scrape waits for the state of the database.
_SCRAPE_SECONDS = 0.25

blueprint = StrictBlueprint("operations", __name__, description="Probes and metrics.")


@blueprint.route("/healthz")
@documented(schemas.LivenessSchema, access=False)
def healthz() -> Response:
    """Return that the process lives, without querying anything."""
    return json_response({"status": "ok"})


@blueprint.route("/readyz")
@blueprint.alt_response(
    503, schema=schemas.ReadinessSchema, content_type=JSON, description="It cannot serve; `missing` says why."
)
@documented(schemas.ReadinessSchema, access=False)
def readyz() -> Response:
    """Return the state of the service; without HubSpot it is only degraded."""
    wired = services()
    asked_at = wired.status_monitor.request()  # runs while the others are asked
    missing = [name for name, answers in wired.dependencies.items() if not answers()]
    status = "unavailable" if "mongodb" in missing else "degraded" if missing else "ready"
    content: dict[str, Any] = {"status": status, "missing": missing}
    if (wrong := wired.account.verdict()) is not None:
        content = {"status": "unavailable", "missing": [*missing, "account"], "reason": str(wrong)}
    now = wired.now()
    as_of, age = age_view(wired.status_monitor.newest(asked_at).overview, now)
    content |= {"data_as_of": as_of, "data_age_seconds": age}
    return json_response(content, 503 if content["status"] == "unavailable" else 200)


@blueprint.route("/metrics")
@blueprint.response(200, {"type": "string"}, content_type="text/plain", description="Prometheus' text format.")
def metrics() -> Response:
    """Return all metrics, of all workers together."""
    wired = services()
    wired.recorder.settle()
    wired.status_monitor.newest(wired.status_monitor.request(), _SCRAPE_SECONDS)  # sets the gauges of the result
    return Response(wired.metrics.render(), content_type=CONTENT_TYPE_LATEST)
